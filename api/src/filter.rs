//! Filters of activeflows, shared by the list and the stream of changes.

use common::ports::lookup::ActiveflowSnapshot;
use common::record::State as ActiveflowState;
use serde::{Deserialize, Serialize};
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
    /// Whether an action has failed, also where the flow went on
    pub failed: Option<bool>,
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
            && self.failed.is_none_or(|failed| failed == has_failed(found))
    }
}

fn has_failed(found: &ActiveflowSnapshot) -> bool {
    found.cursor().is_ok_and(|cursor| cursor.failed_actions() > 0)
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
