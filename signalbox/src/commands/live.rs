//! Dispatchers that have loaded a change of the definitions.

use crate::output::text;
use serde_json::Value;

/// Generation of a change, and the dispatchers that have loaded it.
pub fn said(answer: &Value) -> String {
    let generation = text(&answer["generation"]);
    let (live, behind) = (places(&answer["live_on"]), places(&answer["not_yet_on"]));
    match (live.as_str(), behind.as_str()) {
        ("", "") => format!(
            "generation {generation} is published; no dispatcher is running yet: signalbox serve, or signalbox dispatcher"
        ),
        (live, "") => format!("generation {generation} is live on {live}"),
        ("", behind) => format!("generation {generation} is published; not yet loaded by {behind}"),
        (live, behind) => {
            format!("generation {generation} is published; loaded by {live}, not yet by {behind}")
        }
    }
}

fn places(list: &Value) -> String {
    list.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}
