//! `GET /v1/activeflows/{id}`, `/actions` and `/journal`

use super::lookup::{Found, resource};
use crate::api::Api;
use crate::problem::Problem;
use crate::resource::{Actions, Activeflow};
use axum::Json;
use axum::extract::State;
use common::journal;
use flow::Timestamp;
use flow::step::Note;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// The last transitions, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Journal {
    pub result: Vec<JournalEntry>,
}

/// One transition.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// Version of the activeflow after the transition
    #[schema(example = 3)]
    pub version: u64,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub notes: Vec<JournalNote>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JournalNote {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "menu")]
    pub action_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "digits_receive")]
    pub action_type: Option<String>,
    /// `started`, `entered`, `waiting`, `completed`, `skipped`, `failed`, `forwarded`, `early`, `dropped`,
    /// `empty_variable`, `command_failed`, `unknown_action`, `yielded`, `ended`, `notes_dropped`
    #[schema(example = "entered")]
    pub what: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Value>)]
    pub detail: Value,
}

/// Show one activeflow with its variables
#[utoipa::path(
    get,
    path = "/v1/activeflows/{id}",
    operation_id = "getActiveflow",
    tag = "activeflows",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    responses((status = 200, body = Activeflow), (status = 404, body = Problem))
)]
pub async fn get_activeflow(
    State(api): State<Arc<Api>>,
    Found(found): Found,
) -> Result<Json<Activeflow>, Problem> {
    Ok(Json(resource(&api, &found).await?.with_variables(&found)))
}

/// Show an activeflow's completed, current and pending actions
#[utoipa::path(
    get,
    path = "/v1/activeflows/{id}/actions",
    operation_id = "getActions",
    tag = "activeflows",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    responses((status = 200, body = Actions), (status = 404, body = Problem))
)]
pub async fn get_actions(State(api): State<Arc<Api>>, Found(found): Found) -> Result<Json<Actions>, Problem> {
    let bundle = api.bundle_of(&found).await?;
    Ok(Json(Actions::of(&found, bundle.as_deref())))
}

/// Show the last 64 transitions of an activeflow
#[utoipa::path(
    get,
    path = "/v1/activeflows/{id}/journal",
    operation_id = "getJournal",
    tag = "activeflows",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    responses((status = 200, body = Journal), (status = 404, body = Problem))
)]
pub async fn get_journal(Found(found): Found) -> Result<Json<Journal>, Problem> {
    let entries =
        found.journal.iter().filter_map(|bytes| journal::Entry::from_bytes(bytes)).map(JournalEntry::from);
    Ok(Json(Journal { result: entries.collect() }))
}

impl From<journal::Entry> for JournalEntry {
    fn from(entry: journal::Entry) -> JournalEntry {
        let journal::Entry { version, at, notes } = entry;
        JournalEntry { version, at, notes: notes.into_iter().map(JournalNote::from).collect() }
    }
}

impl From<Note> for JournalNote {
    fn from(note: Note) -> JournalNote {
        let Note { at, action_id, action_type, what, detail } = note;
        JournalNote { at, action_id, action_type, what: what.as_str().to_owned(), detail }
    }
}
