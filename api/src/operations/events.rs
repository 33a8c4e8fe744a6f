//! `POST /v1/events`: stores an event, then answers with its outcome.

use crate::api::{Api, STORE_TIMEOUT};
use crate::extract::TypedBytes;
use crate::problem::{Problem, STORE_AWAY, STORE_FULL};
use crate::state::AppState;
use axum::Json;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode};
use common::address::{DEFAULT_REALM, ParsedEvent, is_judged_by_arrival, read};
use common::deliver::{DeliveryContext, DeliveryOutcome, deliver};
use common::event_metrics::{self, CountedOutcome};
use common::retry::until_answered;
use flow::event::{MAX_EVENT_BYTES, traceparent, without_mark};
use flow::{Definitions, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    // White space between the events of an array counts too.
    let limit = MAX_BATCH * MAX_EVENT_BYTES + MAX_EVENT_BYTES;
    OpenApiRouter::default().routes(routes!(send_events)).layer(DefaultBodyLimit::max(limit))
}

/// Maximum number of events in an array.
const MAX_BATCH: usize = 100;

const PATH: &str = "/v1/events";

const SINGLE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
const PLAIN_JSON: &str = "application/json";

/// A CloudEvent 1.0 in JSON format. Other attributes are ignored.
#[derive(Serialize, ToSchema)]
struct CloudEvent {
    #[schema(pattern = "^1\\.0$", example = "1.0")]
    specversion: String,
    /// Unique per source: a second event with the same source, id, type and subject changes nothing.
    #[schema(min_length = 1, max_length = 256, example = "7c1e")]
    id: String,
    #[schema(min_length = 1, max_length = 256, example = "sbc-1.example")]
    source: String,
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 256, pattern = "^[A-Za-z0-9._-]+$", example = "call.incoming")]
    kind: String,
    /// The call, SIM or other thing that the event is about.
    #[schema(min_length = 1, max_length = 256, example = "call-4711")]
    subject: Option<String>,
    #[schema(format = DateTime, example = "2026-11-22T05:00:00Z")]
    time: Option<String>,
    #[schema(value_type = Option<Object>, example = json!({"from": "+15550100", "to": "+15550111", "direction": "incoming"}))]
    data: Option<serde_json::Value>,
}

/// One event, or an array of up to 100.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only describes the schema; the body is read as bytes")]
enum Events {
    One(CloudEvent),
    Many(EventArray),
}

/// Events, processed in order.
#[derive(Serialize, ToSchema)]
#[schema(max_items = 100)]
struct EventArray(Vec<CloudEvent>);

/// Outcome of a stored event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventOutcome {
    #[schema(example = "7c1e")]
    pub id: String,
    #[schema(example = "sbc-1.example")]
    pub source: String,
    pub outcome: EventResult,
    /// The activeflow that took the event.
    #[schema(required = true, example = "fe666626-404e-8cda-8f91-548226f0eb5a")]
    pub activeflow_id: Option<String>,
    /// The activeflows that the event started.
    #[schema(example = json!(["fe666626-404e-8cda-8f91-548226f0eb5a"]))]
    pub started: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum EventResult {
    /// An activeflow took it, or was started by it.
    Applied,
    /// The same event was stored before, within the dedup window: nothing changed.
    Duplicate,
    /// It would start a call, form or job that was started before: nothing changed.
    Copy,
    /// No activeflow takes the event, and no route leads from its address to a flow.
    Unmatched,
    /// It answers a command of an activeflow that has ended.
    Late,
}

/// One event of an array.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EventAnswer {
    Done(EventOutcome),
    Refused(EventRefused),
}

/// An event of an array that was not stored. The other events were still processed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventRefused {
    pub problem: Problem,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EventsAnswer {
    One(EventOutcome),
    Many(Vec<EventAnswer>),
}

/// Send an event, or up to 100 of them
///
/// The response is sent after the effect is stored. Sending the same `source` and `id` again is safe: the duplicate is
/// recognised. The events of an array are processed one after another, in order.
#[utoipa::path(
    post,
    path = "/v1/events",
    operation_id = "sendEvents",
    tag = "events",
    request_body(content(
        (Events = "application/json"),
        (CloudEvent = "application/cloudevents+json"),
        (EventArray = "application/cloudevents-batch+json")
    )),
    responses(
        (status = 200, body = EventsAnswer),
        (status = 422, description = "The body is not a valid event; the code gives the reason", body = Problem),
        (status = 429, description = "The inbox of the activeflow is full; send the event again later", body = Problem)
    )
)]
async fn send_events(State(api): State<Arc<Api>>, request: Request) -> Result<Json<EventsAnswer>, Problem> {
    let trace = trace_of(request.headers());
    let TypedBytes { bytes, media_type } =
        TypedBytes::take(request, &api, &[PLAIN_JSON, SINGLE, BATCH]).await?;
    let bytes = without_mark(&bytes);
    let is_array = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if media_type.as_deref() == Some(BATCH) || is_array && media_type.as_deref() != Some(SINGLE) {
        return many(&api, bytes, trace.as_deref()).await.map(EventsAnswer::Many).map(Json);
    }
    one(&api, bytes, trace.as_deref(), &mut Arrival::default()).await.map(EventsAnswer::One).map(Json)
}

/// The store's time when a request arrived. Read when the first event of the request needs it.
#[derive(Default)]
struct Arrival(Option<Timestamp>);

impl Arrival {
    async fn time(&mut self, api: &Api) -> Result<Timestamp, Problem> {
        let time = match self.0 {
            Some(time) => time,
            None => until_answered(&*api.ports.clock, || api.ports.catalogue.now()).await?,
        };
        self.0 = Some(time);
        Ok(time)
    }
}

async fn many(api: &Api, bytes: &[u8], trace: Option<&str>) -> Result<Vec<EventAnswer>, Problem> {
    let events: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(|error| {
        Problem::unprocessable(
            "malformed_json",
            format!("the array cannot be read: {}", common::json::reason(&error)),
        )
    })?;
    if events.len() > MAX_BATCH {
        let detail =
            format!("the array has {} events, the limit is {MAX_BATCH}; send smaller arrays", events.len());
        return Err(Problem::unprocessable("too_many", detail));
    }
    let mut answers = Vec::with_capacity(events.len());
    let mut arrival = Arrival::default();
    let mut unavailable: Option<Problem> = None;
    for event in events {
        // If the store does not answer, every further event would wait for the timeout again.
        let answer = match &unavailable {
            Some(problem) => Err(problem.clone()),
            None => one(api, event.get().as_bytes(), trace, &mut arrival).await,
        };
        answers.push(answer.map_or_else(
            |mut problem| {
                if *problem.code == *STORE_AWAY {
                    unavailable = Some(problem.clone());
                }
                problem.instance = PATH.into();
                EventAnswer::Refused(EventRefused { problem })
            },
            EventAnswer::Done,
        ));
    }
    Ok(answers)
}

/// Stores one event and counts it.
async fn one(
    api: &Api,
    bytes: &[u8],
    trace: Option<&str>,
    arrival: &mut Arrival,
) -> Result<EventOutcome, Problem> {
    let started_at = api.ports.clock.monotonic();
    let read = read(bytes, DEFAULT_REALM, trace);
    let kind = event_metrics::type_label(read.as_ref().map_or("", |read| &read.event.kind));
    let answer = match read {
        Ok(read) => apply(api, read, arrival).await,
        Err(refusal) => Err(refusal.into()),
    };
    let took = api.ports.clock.monotonic().saturating_sub(started_at);
    event_metrics::record(kind, counted(&answer), took);
    answer
}

/// The outcome in the metrics.
fn counted(answer: &Result<EventOutcome, Problem>) -> CountedOutcome {
    match answer {
        Ok(EventOutcome { outcome, .. }) => match outcome {
            EventResult::Applied => CountedOutcome::Applied,
            EventResult::Duplicate => CountedOutcome::Duplicate,
            EventResult::Copy => CountedOutcome::Copy,
            EventResult::Unmatched => CountedOutcome::Unmatched,
            EventResult::Late => CountedOutcome::Late,
        },
        Err(problem) if problem.status < 500 || *problem.code == *STORE_FULL => CountedOutcome::Refused,
        Err(_) => CountedOutcome::Unanswered,
    }
}

async fn apply(api: &Api, read: ParsedEvent, arrival: &mut Arrival) -> Result<EventOutcome, Problem> {
    let stored = api.within_timeout(store(api, &read, arrival)).await.unwrap_or_else(|| Err(unanswered()))?;
    let (outcome, activeflow_id, started) = match stored {
        DeliveryOutcome::Applied { to, started, .. } => (EventResult::Applied, to, started),
        DeliveryOutcome::Duplicate => (EventResult::Duplicate, None, Vec::new()),
        DeliveryOutcome::Copy => (EventResult::Copy, None, Vec::new()),
        DeliveryOutcome::Unmatched => (EventResult::Unmatched, None, Vec::new()),
        DeliveryOutcome::Late => (EventResult::Late, None, Vec::new()),
        DeliveryOutcome::InboxFull { owner } => {
            let detail = format!(
                "the inbox of activeflow {owner} is full; the event was not stored, send it again later"
            );
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "inbox_full", detail).retry_after(1));
        }
    };
    Ok(EventOutcome {
        id: read.event.id,
        source: read.event.source,
        outcome,
        activeflow_id: activeflow_id.map(|id| id.to_string()),
        started: started.iter().map(ToString::to_string).collect(),
    })
}

async fn store(api: &Api, read: &ParsedEvent, arrival: &mut Arrival) -> Result<DeliveryOutcome, Problem> {
    let arrival = arrival.time(api).await?;
    if is_judged_by_arrival(&read.event, arrival) {
        event_metrics::judged_by_arrival(event_metrics::type_label(&read.event.kind));
    }
    deliver(api, &*api.ports.intake, &*api.ports.clock, read, arrival).await
}

impl DeliveryContext for Api {
    type Error = Problem;

    fn definitions(&self) -> Arc<Definitions> {
        self.cached_definitions()
    }

    async fn refresh(&self, _generation: u64) -> Result<Arc<Definitions>, Problem> {
        Api::definitions(self).await
    }

    /// The publisher learns at once that the store is full.
    fn waits_for_room(&self) -> bool {
        false
    }
}

fn unanswered() -> Problem {
    let detail = format!(
        "the state store did not answer within {} s, so the event may or may not be stored. Send it again with the same source and id, which is safe",
        STORE_TIMEOUT.as_secs()
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, STORE_AWAY, detail).retry_after(1)
}

fn trace_of(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    traceparent(text).map(str::to_owned)
}
