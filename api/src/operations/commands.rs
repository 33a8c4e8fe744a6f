//! `/v1/commands`: commands for gateways without AMQP. A gateway reads a queue as a stream and acknowledges positions.

use crate::api::Api;
use crate::audit::ChangedResource;
use crate::auth::Caller;
use crate::extract::{Body, Query};
use crate::live::{Streams, command_stream, sse};
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use common::ports::Commands;
use common::ports::commands::CommandQueue;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(take_commands, remove_command_queue))
        .routes(routes!(acknowledge_commands))
        .routes(routes!(list_command_queues))
}

const MAX_QUEUE_NAME: usize = 64;
const MAX_PATTERNS: usize = 16;
/// Maximum length of an AMQP routing key, in bytes.
const MAX_PATTERN: usize = 255;

/// The queue to read and the commands that it receives.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct QueueParams {
    /// A name that you choose: letters, digits and `._-`. The queue is created when it is first read, and stores commands from then on
    #[param(example = "gateway-1", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    queue: String,
    /// Command types, separated by commas, as AMQP topic patterns: `*` is one word, `#` is any number of words. Default: all types
    #[param(example = "call.#,message.#")]
    types: Option<String>,
}

/// The queue to remove.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct QueueName {
    /// The queue's name
    #[param(example = "gateway-1", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    queue: String,
}

/// One event of the stream.
#[derive(Serialize, ToSchema)]
struct CommandEvent {
    #[schema(example = "command")]
    event: String,
    /// The command, a CloudEvent as JSON on one line
    #[schema(content_media_type = "application/json")]
    data: String,
    /// Its position in the queue
    #[schema(example = "12")]
    id: String,
}

/// The commands to acknowledge.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acknowledgement {
    #[schema(example = "gateway-1", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    queue: String,
    /// The `id` of a command; this command and all earlier ones are removed from the queue
    #[schema(example = 12)]
    through: u64,
}

/// The remaining commands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Waiting {
    /// Number of commands in the queue that are not acknowledged
    #[schema(example = 0)]
    waiting: u64,
}

/// Every command queue.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct QueueList {
    result: Vec<QueueStatus>,
}

/// A command queue.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct QueueStatus {
    #[schema(example = "gateway-1")]
    name: String,
    /// Types of commands that it receives, as AMQP topic patterns
    #[schema(example = json!(["call.#"]))]
    types: Vec<String>,
    /// `open`: it takes commands. `full`: it refused the last command, and activeflows wait for it. `set_aside`: it was full
    /// and nobody acknowledged for too long, so it takes no commands until its reader has emptied half of it
    #[schema(example = "open")]
    condition: String,
    /// Whether a reader is connected
    #[schema(example = true)]
    reading: bool,
    /// Number of commands that are not acknowledged
    #[schema(example = 0)]
    waiting: u64,
    /// Size of these commands
    #[schema(example = 0)]
    bytes: u64,
    /// Maximum of `bytes`
    #[schema(example = 67108864)]
    max_bytes: u64,
    /// Time for which the oldest command waits to be acknowledged, in milliseconds
    #[schema(example = 0)]
    stalled_ms: u64,
    /// Number of commands that other queues took while this one was set aside
    #[schema(example = 0)]
    missed: u64,
}

/// The removed commands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Removed {
    /// Number of commands that were waiting in the queue
    #[schema(example = 0)]
    removed: u64,
}

/// Receive commands without AMQP
///
/// Server-sent events `command`: `data` is the command as sent over AMQP, on one line, and `id` is its position in the
/// queue. Unacknowledged commands are sent again when the queue is read again; with `Last-Event-ID` the stream begins after
/// that position. Only one stream reads a queue: a second stream takes it over, and the first one ends with a comment.
#[utoipa::path(
    get,
    path = "/v1/commands",
    operation_id = "takeCommands",
    tag = "commands",
    params(
        QueueParams,
        ("Last-Event-ID" = Option<String>, Header, description = "A position; the stream begins after it. An invalid position is ignored"),
    ),
    responses(
        (status = 200, description = "A stream of events", body = CommandEvent, content_type = "text/event-stream"),
        (status = 409, description = "This installation sends commands by AMQP, or the queue cannot be created", body = Problem),
        (status = 429, description = "The key already has 32 open streams; close one", body = Problem),
    )
)]
async fn take_commands(
    State(api): State<Arc<Api>>,
    State(streams): State<Arc<Streams>>,
    caller: Caller,
    method: Method,
    Query(reading): Query<QueueParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let port = port(&api)?;
    must_name_a_queue(&reading.queue, in_query)?;
    let patterns = patterns(reading.types.as_deref())?;
    let after = sse::last_event_id(&headers).and_then(|id| id.parse().ok());
    let permit = streams.permit(&caller)?;
    if method == Method::HEAD {
        // Opening the queue would end the stream of its current reader.
        return Ok(StatusCode::OK.into_response());
    }
    let reader = port.open(&reading.queue, &patterns, after).await?;
    Ok(sse::respond(permit, |writer| async move { command_stream::serve(&api, reader, &writer).await }))
}

/// Acknowledge commands
#[utoipa::path(
    post,
    path = "/v1/commands/ack",
    operation_id = "acknowledgeCommands",
    tag = "commands",
    request_body = Acknowledgement,
    responses(
        (status = 200, body = Waiting),
        (status = 409, description = "This installation sends commands by AMQP, or the queue or position does not exist", body = Problem),
    )
)]
async fn acknowledge_commands(
    State(api): State<Arc<Api>>,
    Body(done): Body<Acknowledgement>,
) -> Result<Json<Waiting>, Problem> {
    let port = port(&api)?;
    must_name_a_queue(&done.queue, in_body)?;
    Ok(Json(Waiting { waiting: port.ack(&done.queue, done.through).await? }))
}

/// Remove a command queue and its commands
#[utoipa::path(
    delete,
    path = "/v1/commands",
    operation_id = "removeCommandQueue",
    tag = "commands",
    params(QueueName),
    responses(
        (status = 200, body = Removed),
        (status = 404, body = Problem),
        (status = 409, description = "This installation sends commands by AMQP; remove the queue at the broker", body = Problem),
    )
)]
async fn remove_command_queue(
    State(api): State<Arc<Api>>,
    Query(QueueName { queue }): Query<QueueName>,
) -> Result<(Extension<ChangedResource>, Json<Removed>), Problem> {
    let port = port(&api)?;
    must_name_a_queue(&queue, in_query)?;
    let removed = port.delete(&queue).await?;
    let unknown =
        || Problem::not_found(format!("no command queue `{queue}` exists; the queue may already be removed"));
    let removed = Removed { removed: removed.ok_or_else(unknown)? };
    Ok((Extension(ChangedResource(format!("command queue {queue}"))), Json(removed)))
}

/// List the command queues
#[utoipa::path(
    get,
    path = "/v1/commands/queues",
    operation_id = "listCommandQueues",
    tag = "commands",
    responses(
        (status = 200, body = QueueList),
        (status = 409, description = "This installation sends commands by AMQP; list the queues at the broker", body = Problem),
    )
)]
async fn list_command_queues(State(api): State<Arc<Api>>) -> Result<Json<QueueList>, Problem> {
    let queues = port(&api)?.list();
    Ok(Json(QueueList { result: queues.into_iter().map(QueueStatus::from).collect() }))
}

impl From<CommandQueue> for QueueStatus {
    fn from(queue: CommandQueue) -> QueueStatus {
        QueueStatus {
            name: queue.name,
            types: queue.patterns,
            condition: queue.condition.name().to_owned(),
            reading: queue.is_read,
            waiting: queue.commands,
            bytes: queue.bytes,
            max_bytes: queue.limit,
            stalled_ms: u64::try_from(queue.stalled.as_millis()).unwrap_or(u64::MAX),
            missed: queue.missed,
        }
    }
}

fn port(api: &Api) -> Result<&dyn Commands, Problem> {
    api.ports.commands.as_deref().ok_or_else(|| {
        let detail = "this installation sends commands by AMQP (amqp.url is set): declare a queue, bind it to the exchange \
            signalbox.commands by type, for example `call.#`, and consume it";
        Problem::conflict(detail)
    })
}

fn in_query(detail: String) -> Problem {
    Problem::bad_request("invalid_query", detail)
}

fn in_body(detail: String) -> Problem {
    Problem::unprocessable("invalid_body", detail)
}

/// Checks the name of a queue; `problem` makes the error from its explanation.
fn must_name_a_queue(name: &str, problem: fn(String) -> Problem) -> Result<(), Problem> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    let detail = match name.chars().find(|c| !is_plain(*c)) {
        _ if name.is_empty() => {
            "`queue` is empty; choose a name for the queue, for example gateway-1".to_owned()
        }
        Some(wrong) => format!("`queue` contains {wrong:?}; use only letters, digits, `.`, `_` and `-`"),
        None if name.len() > MAX_QUEUE_NAME => format!(
            "`queue` has {} characters, the limit is {MAX_QUEUE_NAME}; choose a shorter name",
            name.len()
        ),
        None => return Ok(()),
    };
    Err(problem(detail))
}

/// Default: all types.
fn patterns(types: Option<&str>) -> Result<Vec<String>, Problem> {
    let Some(types) = types.filter(|types| !types.is_empty()) else { return Ok(vec!["#".to_owned()]) };
    let patterns: Vec<String> = types.split(',').map(|pattern| pattern.trim().to_owned()).collect();
    if patterns.len() > MAX_PATTERNS {
        return Err(in_query(format!(
            "`types` has {} patterns, the limit is {MAX_PATTERNS}; use wildcards",
            patterns.len()
        )));
    }
    match patterns.iter().find(|pattern| !is_pattern(pattern)) {
        Some(wrong) => Err(in_query(format!(
            "`types` has `{wrong}`, which is not a pattern of command types; use words of letters, digits, `_` and `-` \
             separated by dots, `*` for one word and `#` for any number, for example call.#,message.send"
        ))),
        None => Ok(patterns),
    }
}

fn is_pattern(pattern: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || ['_', '-'].contains(&c);
    let is_word = |word: &str| ["*", "#"].contains(&word) || (!word.is_empty() && word.chars().all(is_name));
    pattern.len() <= MAX_PATTERN && pattern.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_amqp_topics() {
        assert_eq!(patterns(None).unwrap(), ["#"]);
        assert_eq!(patterns(Some("")).unwrap(), ["#"]);
        assert_eq!(
            patterns(Some("call.#, message.*,call.talk")).unwrap(),
            ["call.#", "message.*", "call.talk"]
        );
        for wrong in ["call.", ",", "call.#x", "call talk", "c\u{e4}ll", ".", &"x".repeat(256)] {
            let error = patterns(Some(wrong)).unwrap_err().detail;
            assert!(error.contains("not a pattern"), "{error}");
        }
        assert!(patterns(Some(&"call,".repeat(17))).unwrap_err().detail.contains("18 patterns"));
    }

    #[test]
    fn a_queue_has_a_plain_name() {
        assert!(must_name_a_queue("gateway-1.call_A", in_query).is_ok());
        for (wrong, expected) in
            [("", "empty"), ("a b", "' '"), ("a/b", "'/'"), ("\u{e4}", "'\u{e4}'"), (&"x".repeat(65), "65")]
        {
            let detail = must_name_a_queue(wrong, in_query).unwrap_err().detail;
            assert!(detail.contains(expected) && detail.starts_with("`queue`"), "{detail}");
        }
    }
}
