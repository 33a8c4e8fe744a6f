//! `/v1/activeflows`: shows and controls activeflows.

mod control;
mod get;
mod history;
mod list;

pub use control::{Forward, stop};
pub use history::{Journal, JournalEntry, JournalNote};
pub use list::{ActiveflowPage, Filter, Paging, StateName, StatusName};

use crate::auth::Caller;
use crate::problem::Problem;
use crate::resource::Activeflow;
use crate::state::Api;
use common::ActiveflowId;
use common::identity::InvalidActiveflowId;
use common::ports::lookup::ActiveflowSnapshot;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list::list_activeflows))
        .routes(routes!(get::get_activeflow))
        .routes(routes!(history::get_actions))
        .routes(routes!(history::get_journal))
        .routes(routes!(control::stop_activeflow))
        .routes(routes!(control::pause_activeflow))
        .routes(routes!(control::resume_activeflow))
        .routes(routes!(control::retry_activeflow))
        .routes(routes!(control::continue_activeflow))
        .routes(routes!(control::forward_activeflow))
}

/// The activeflow with this id, if the caller may see it.
pub async fn find(api: &Api, caller: &Caller, id: &str) -> Result<ActiveflowSnapshot, Problem> {
    let id: ActiveflowId = id
        .parse()
        .map_err(|error: InvalidActiveflowId| Problem::bad_request("invalid_path", error.to_string()))?;
    let found = api.ask(|| api.ports.lookup.get(id)).await?;
    found.filter(|found| caller.may_see(&found.record.spec.customer_id)).ok_or_else(|| unknown(id))
}

fn unknown(id: ActiveflowId) -> Problem {
    Problem::not_found(format!(
        "there is no activeflow {id}: it never existed, or it was deleted after engine.ended_retention; GET /v1/activeflows lists the activeflows"
    ))
}

/// The resource of an activeflow.
pub async fn show(api: &Api, found: &ActiveflowSnapshot) -> Result<Activeflow, Problem> {
    let bundle = api.bundle_of(found).await?;
    Ok(Activeflow::of(found, bundle.as_deref()))
}
