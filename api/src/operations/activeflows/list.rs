//! `GET /v1/activeflows`

use super::show;
use crate::auth::Caller;
use crate::extract::Query;
use crate::page::{self, Page};
use crate::problem::Problem;
use crate::resource::Activeflow;
use crate::state::Api;
use axum::Json;
use axum::extract::State;
use common::ports::lookup::ActiveflowSnapshot;
use common::record::State as ActiveflowState;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Filters; an activeflow must match all of them.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// `ready`, `claimed`, `waiting`, `paused`, `quarantined` or `ended`
    #[param(value_type = Option<StateName>, example = "waiting")]
    pub state: Option<StateName>,
    /// `running` or `ended`
    pub status: Option<StatusName>,
    /// Id of the flow
    pub flow_id: Option<String>,
    /// Kind of the reference: `call`, `sms`, `sim`, …
    #[param(example = "call")]
    pub reference_type: Option<String>,
    /// Id of the reference, for example the call's id
    pub reference_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum StateName {
    Ready,
    Claimed,
    Waiting,
    Paused,
    Quarantined,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum StatusName {
    Running,
    Ended,
}

impl Filter {
    pub fn matches(&self, found: &ActiveflowSnapshot) -> bool {
        let record = &found.record;
        let reference = &record.spec.reference;
        let same =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        self.state.is_none_or(|state| state == StateName::of(record.state))
            && self.status.is_none_or(|status| {
                (status == StatusName::Ended) == (record.state == ActiveflowState::Ended)
            })
            && same(&self.flow_id, &record.spec.flow.id)
            && same(&self.reference_type, &reference.kind)
            && same(&self.reference_id, &reference.subject)
    }
}

impl StateName {
    fn of(state: ActiveflowState) -> StateName {
        match state {
            ActiveflowState::Ready => StateName::Ready,
            ActiveflowState::Claimed => StateName::Claimed,
            ActiveflowState::Waiting => StateName::Waiting,
            ActiveflowState::Paused => StateName::Paused,
            ActiveflowState::Quarantined => StateName::Quarantined,
            ActiveflowState::Ended => StateName::Ended,
        }
    }
}

/// Size and start of a page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Maximum number of results
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub page_size: Option<u32>,
    /// `next_page_token` of the previous page
    pub page_token: Option<String>,
}

/// A page of activeflows, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ActiveflowPage {
    pub result: Vec<Activeflow>,
    /// Token for the next page; empty on the last page. A short or empty page may still have a next page.
    pub next_page_token: String,
}

/// List a customer's activeflows, newest first
#[utoipa::path(
    get,
    path = "/v1/activeflows",
    operation_id = "listActiveflows",
    tag = "activeflows",
    params(Filter, Paging),
    responses((status = 200, body = ActiveflowPage))
)]
pub async fn list_activeflows(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Json<ActiveflowPage>, Problem> {
    let size = page::size(paging.page_size)?;
    let before = page::position(paging.page_token.as_deref())?;
    let Page { found, next } =
        page::scan(&api, &caller.customer_id, before, size, |found| filter.matches(found)).await?;
    let mut result = Vec::with_capacity(found.len());
    for found in &found {
        result.push(show(&api, found).await?);
    }
    Ok(Json(ActiveflowPage { result, next_page_token: page::token(next) }))
}
