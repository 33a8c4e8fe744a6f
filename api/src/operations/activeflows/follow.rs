//! `GET /v1/activeflows/events`: a stream of changes of activeflows.

use crate::api::Api;
use crate::auth::Caller;
use crate::extract::Query;
use crate::filter::Filter;
use crate::live::listener::{Listener, Start};
use crate::live::{Streams, sse};
use crate::problem::Problem;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// One event of the stream.
#[derive(Serialize, ToSchema)]
struct ChangeEvent {
    event: ChangeName,
    /// The activeflow as JSON on one line; for `gap`, an object with a `detail`
    #[schema(content_media_type = "application/json")]
    data: String,
    /// Position in the stream; send it as `Last-Event-ID` to resume after this event
    id: String,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
enum ChangeName {
    Created,
    Moved,
    Waiting,
    Ended,
    Gap,
}

/// Stream the changes of a customer's activeflows
///
/// Server-sent events: `created`, `moved`, `waiting` (it moved and now waits) and `ended`. `data` is the activeflow on one
/// line, in its state when the event is sent. With the header `Last-Event-ID` the stream resumes after that event. If some
/// changes are no longer available, the stream sends an event `gap`: list the activeflows again, then continue. The stream
/// contains only changes after which the activeflow matches the filters. When there are no changes, it sends a comment
/// every 15 seconds.
#[utoipa::path(
    get,
    path = "/v1/activeflows/events",
    operation_id = "followActiveflows",
    tag = "activeflows",
    params(
        Filter,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event received"),
    ),
    responses(
        (status = 200, description = "A stream of events", body = ChangeEvent, content_type = "text/event-stream"),
        (status = 429, description = "The key already has 32 open streams; close one", body = Problem),
    )
)]
pub async fn follow_activeflows(
    State(api): State<Arc<Api>>,
    State(streams): State<Arc<Streams>>,
    caller: Caller,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = streams.permit(&caller)?;
    let start = Start::after(sse::last_event_id(&headers), usize::from(api.ports.intake.shards()));
    let (broadcasts, at) = streams.subscribe(&api).await?;
    let customer_id = caller.customer_id;
    Ok(sse::respond(permit, |writer| async move {
        Listener::new(api, customer_id, filter, at, writer).serve(start, broadcasts).await;
    }))
}
