//! The activeflow resource of `/v1.0`: eleven fields, in the order and formats of that API.

use super::{Activeflow, NIL};
use common::identity::uuid_of;
use flow::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// An activeflow in the v1.0 format. Every id is a UUID: an id that is not a UUID in `/v1` is replaced by a UUID derived
/// from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(title = "ActiveflowV1_0")]
pub struct ActiveflowV1_0 {
    #[schema(format = Uuid, example = "6f18ae1c-ddf8-413b-9572-ad30574604ef")]
    pub id: String,
    #[schema(example = "5e4a0680-804e-11ec-8477-2fea5968d85b")]
    pub customer_id: String,
    #[schema(example = "93993ae1-0408-4639-ad5f-1288aa8d4325")]
    pub flow_id: String,
    /// `running` or `ended`
    #[schema(example = "ended")]
    pub status: String,
    #[schema(example = "call")]
    pub reference_type: String,
    #[schema(format = Uuid, example = "fd581a20-2606-47fd-a7e8-6bba7c294170")]
    pub reference_id: String,
    pub current_action: ActionV1_0,
    #[schema(format = Uuid, example = "00000000-0000-0000-0000-000000000000")]
    pub forward_action_id: String,
    #[schema(
        pattern = "^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2}\\.\\d{6}$",
        example = "2023-04-06 14:53:12.569073"
    )]
    pub tm_create: String,
    #[schema(
        pattern = "^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2}\\.\\d{6}$",
        example = "2023-04-06 14:54:24.652558"
    )]
    pub tm_update: String,
    #[schema(
        pattern = "^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2}\\.\\d{6}$",
        example = "9999-01-01 00:00:00.000000"
    )]
    pub tm_delete: String,
}

/// An action in the v1.0 format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActionV1_0 {
    #[schema(format = Uuid, example = "93ebcadb-ecae-4291-8d49-ca81a926b8b3")]
    pub id: String,
    #[schema(format = Uuid, example = "00000000-0000-0000-0000-000000000000")]
    pub next_id: String,
    #[serde(rename = "type")]
    #[schema(example = "digits_receive")]
    pub kind: String,
    #[schema(value_type = Object, example = json!({"length": 1, "duration": 5000}))]
    pub option: Value,
}

impl From<Activeflow> for ActiveflowV1_0 {
    fn from(activeflow: Activeflow) -> ActiveflowV1_0 {
        let action = activeflow.current_action;
        ActiveflowV1_0 {
            id: activeflow.id,
            customer_id: activeflow.customer_id,
            flow_id: activeflow.flow_id,
            status: activeflow.status,
            reference_type: activeflow.reference_type,
            reference_id: uuid(&activeflow.reference_id),
            current_action: ActionV1_0 {
                id: uuid(&action.id),
                next_id: uuid(&action.next_id),
                kind: action.kind,
                option: action.option,
            },
            forward_action_id: uuid(&activeflow.forward_action_id),
            tm_create: time(activeflow.tm_create),
            tm_update: time(activeflow.tm_update),
            tm_delete: time(activeflow.tm_delete),
        }
    }
}

/// Normalises a UUID; derives a UUID from any other text (docs/identity.md).
fn uuid(text: &str) -> String {
    if text.is_empty() {
        return NIL.to_owned();
    }
    uuid::Uuid::parse_str(text).unwrap_or_else(|_| uuid_of(text)).hyphenated().to_string()
}

/// `2023-04-06 14:53:12.569073`, in UTC.
pub fn time(time: Timestamp) -> String {
    time.to_string().replace('T', " ").trim_end_matches('Z').to_owned()
}

/// Reads such a time, also with `T` between date and time. Returns `None` if the text is not one.
pub fn read_time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once([' ', 'T'])?;
    format!("{date}T{}Z", clock.trim_end_matches('Z')).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_in_the_documented_form() {
        let text = "2023-04-06 14:53:12.569073";
        assert_eq!(time(read_time(text).unwrap()), text);
        assert_eq!(read_time("2023-04-06T14:53:12.569073Z"), read_time(text));
        for wrong in ["", "yesterday", "2023-04-06", "2023-13-06 14:53:12", "2023-04-06 14:53:12+01:00"] {
            assert_eq!(read_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_id_that_is_not_a_uuid_is_replaced_by_one() {
        assert_eq!(uuid("FD581A20-2606-47fd-a7e8-6bba7c294170"), "fd581a20-2606-47fd-a7e8-6bba7c294170");
        assert_eq!(uuid(""), NIL);
        assert_eq!(uuid("call-4711"), uuid_of("call-4711").to_string());
        assert_ne!(uuid("call-4711"), uuid("call-4712"));
    }
}
