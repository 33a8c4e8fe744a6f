//! The outermost middleware: request ids, problem bodies, panics, and request durations.

use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::ports::Clock;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

const REQUEST_ID: &str = "x-request-id";
/// Time from the parsed request to the start of the response, in seconds.
const DURATION: &str = "signalbox_api_request_duration_seconds";
/// Longer ids are not echoed, because they could flood the logs.
const MAX_REQUEST_ID: usize = 128;

/// The id of the request.
#[derive(Clone)]
pub struct RequestId(pub HeaderValue);

pub fn describe() {
    metrics::describe_histogram!(
        DURATION,
        metrics::Unit::Seconds,
        "Time until the response begins, by route, method and status"
    );
}

/// Serves one request. Even a panic produces a response.
pub async fn serve(State(clock): State<Arc<dyn Clock>>, mut request: Request, next: Next) -> Response {
    let started_at = clock.monotonic();
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    // A target that is only a host has an empty path.
    let path = Some(request.uri().path()).filter(|path| !path.is_empty()).unwrap_or("/").to_owned();
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let result = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = result.unwrap_or_else(|_| {
        tracing::error!(http.route = route, request_id = ?id, "a request panicked; this is a defect of Signalbox");
        let detail = "the request failed because of a defect in Signalbox; search the log for the request's id";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail).into_response()
    });
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers_mut().remove("allow");
        response = problem.at(&path);
        response.headers_mut().extend(allow.map(|allow| (axum::http::header::ALLOW, allow)));
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let status = response.status().as_str().to_owned();
    metrics::histogram!(DURATION, "route" => route, "method" => method, "status" => status)
        .record(clock.monotonic().saturating_sub(started_at).as_secs_f64());
    response
}

pub async fn no_such_path() -> Problem {
    Problem::not_found("no resource exists at this path; GET /openapi.json lists all paths")
}

pub async fn no_such_method(request: Request) -> Problem {
    let detail = format!(
        "this path does not support {}; the header Allow lists the supported methods",
        request.method()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// The client's request id if it is short and printable, otherwise a new one.
fn request_id(request: &Request) -> HeaderValue {
    let fits = |value: &&HeaderValue| {
        (1..=MAX_REQUEST_ID).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    request.headers().get(REQUEST_ID).filter(fits).cloned().unwrap_or_else(|| {
        let id = uuid::Uuid::new_v4().hyphenated().to_string();
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// Limits the metric label to known methods, because a client may send any word.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapters::clock::SystemClock;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use axum::{Router, http};
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_panic_is_a_problem_with_the_requests_id() {
        let broken = get(async || if true { panic!("broken on purpose") } else { "fine" });
        let router = Router::new().route("/broken", broken);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let router = router.layer(from_fn_with_state(clock, serve));
        let request = http::Request::get("/broken").header(REQUEST_ID, "abc").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[REQUEST_ID]),
            (500, &HeaderValue::from_static("abc"))
        );
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!((&*problem.code, &*problem.instance), ("internal_error", "/broken"));
    }
}
