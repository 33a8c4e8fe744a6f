//! A flow's document in a request.

use flow::finding::Finding;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A flow's document: as JSON, or as the text of a file. Findings have line numbers only for a text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Document {
    Text(String),
    #[schema(value_type = Object)]
    Json(Map<String, Value>),
}

impl Document {
    pub fn text(&self) -> String {
        match self {
            Document::Text(text) => text.clone(),
            Document::Json(fields) => common::json::to_text(fields),
        }
    }

    /// Removes line numbers from findings if the client did not send the document as text.
    pub fn locate(&self, findings: Vec<Finding>) -> Vec<Finding> {
        match self {
            Document::Text(_) => findings,
            Document::Json(_) => {
                findings.into_iter().map(|finding| Finding { line: 0, column: 0, ..finding }).collect()
            }
        }
    }
}
