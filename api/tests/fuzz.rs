//! Fuzzing of requests (CONTRIBUTING.md): path, query, header and body. hyper parses the head before; here any head and body
//! get an answer that is not an error of the server. What once went wrong is kept in `tests/corpus/requests/`, one request a
//! file.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod support;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use fuzz::{Rng, Target, mutate};
use serde_json::{Value, json};
use support::{ApiHarness, call, event};

/// Requests to one store; then the next begins with an empty one.
const REQUESTS: u32 = 200;

fn target() -> Target {
    Target::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/requests"))
}

/// A known request: method, path, media type, body.
type Known = (&'static str, &'static str, &'static str, Value);

fn known() -> Vec<Known> {
    let (plain, single, batch) =
        ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json");
    let document = json!({ "schema": "signalbox.flow/v1", "name": "Desk", "trigger": { "event": "call.incoming" },
        "actions": [{ "id": "s", "type": "sleep", "option": { "duration": 60000 } }] });
    let id = "/v1/activeflows/fe666626-404e-8cda-8f91-548226f0eb5a";
    let route = json!({ "flow_id": "Desk", "priority": 1, "active_from": "2026-11-22T05:00:00Z" });
    let mut known = vec![
        ("POST", "/v1/events", plain, call("1", "call-1")),
        ("POST", "/v1/events", single, event("2", "call.digits", "call-1", json!({ "digits": "1" }))),
        ("POST", "/v1/events", batch, json!([call("3", "call-2"), call("3", "call-2")])),
        (
            "POST",
            "/v1/flows",
            plain,
            json!({ "document": document, "routes": [{ "address": "call=+15550111" }] }),
        ),
        ("POST", "/v1/flows/validate", plain, document),
        ("PUT", "/v1/routes/call=+1555*?priority=1", plain, route),
        ("POST", "/v1/events/rejected/replay", plain, json!({ "ids": ["x"], "all": false })),
        ("POST", "/v1/events/rejected/discard", plain, json!({ "all": true })),
        ("POST", "/v1/commands/ack", plain, json!({ "queue": "gateway", "ids": ["a:1"] })),
    ];
    for (path, body) in
        [("forward", json!({ "action_id": "s" })), ("stop", Value::Null), ("retry", Value::Null)]
    {
        let path: &'static str = Box::leak(format!("{id}/{path}").into_boxed_str());
        known.push(("POST", path, plain, body));
    }
    let read = [
        "/",
        "/openapi.json",
        "/v1/status",
        "/v1/schemas/flow",
        "/v1/flows?page_size=10&page_token=x",
        "/v1/flows/Desk",
        "/v1/routes?page_size=1",
        "/v1/events/rejected?limit=5",
        "/v1/commands/queues",
        "/v1/activeflows?state=waiting&reference_id=call-1&page_size=2",
        "/v1.0/activeflows?page_size=2&page_token=2026-11-22T05:00:00Z",
        "/v1/activeflows/events?after=0",
        "/v1/commands?queue=gateway&types=call.%23&wait=1",
    ];
    known.extend(read.map(|path| ("GET", path, plain, Value::Null)));
    known.push(("DELETE", "/v1/routes/call=+1555*", plain, Value::Null));
    known.push(("DELETE", "/v1/commands?queue=gateway", plain, Value::Null));
    known
}

const HEADERS: [(&str, &str); 8] = [
    ("host", "signalbox:8080"),
    ("authorization", "Bearer secret"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("last-event-id", "0-1,2-3"),
    ("x-request-id", "abc"),
    ("content-encoding", "gzip"),
    ("accept", "text/event-stream"),
    ("content-length", "5"),
];

/// A request as text: method and path, header lines, an empty line, the body.
fn drawn(rng: &mut Rng, known: &[Known]) -> Vec<u8> {
    let (method, path, media, body) = &known[rng.index(known.len())];
    let method =
        if rng.one_in(12) { rng.pick(&["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]) } else { *method };
    let other = known[rng.index(known.len())].1.as_bytes();
    let pieces: [&[u8]; 9] =
        [b"%00", b"%F0%9F%98%80", b"%ff", b"+", b"=", b"&", b"/", b"?", b"999999999999999999999"];
    let mut line = path.as_bytes().to_vec();
    if rng.one_in(3) {
        line = mutate::bytes(rng, &line, other, &pieces);
    }
    let mut text = [method.as_bytes(), b" ", &line, b"\ncontent-type: ", media.as_bytes()].concat();
    for (name, value) in HEADERS {
        let is_key = name == "authorization";
        if is_key && !rng.one_in(20) || rng.one_in(6) {
            let mut value = value.as_bytes().to_vec();
            if !is_key || rng.one_in(20) {
                value = mutate::bytes(rng, &value, b"\xff\t, ;=\"", &[b",", b"-", b":", b"[", b"@"]);
            }
            text.extend([b"\n", name.as_bytes(), b": ", &value].concat());
        }
    }
    text.extend(b"\n\n");
    if !body.is_null() {
        let mut body = body.clone();
        for _ in 0..rng.index(3) {
            mutate::json(rng, &mut body, &mut mutate::any_json);
        }
        text.extend(mutate::text(rng, &body));
    }
    text
}

/// The request, unless hyper would refuse its head.
fn request(text: &[u8]) -> Option<Request<Body>> {
    let at = text.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = (&text[..at], &text[at + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = Method::from_bytes(&first[..space]).ok()?;
    *request.uri_mut() = Uri::try_from(&first[space + 1..]).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some(request)
}

async fn exercise(harness: &ApiHarness, text: &[u8]) {
    let Some(request) = request(text) else { return };
    let path = request.uri().path();
    // A stream has no end.
    if path.ends_with("/events") && request.method() != Method::POST || path.ends_with("/commands") {
        let status = harness.status(request).await;
        return assert!(status < 500 || status == 503, "{status}");
    }
    let answer = harness.send(request).await;
    let status = answer.status.as_u16();
    assert!(status < 500, "{status}: {}", answer.text);
    if status >= 400 && !answer.text.is_empty() {
        let code = answer.json["code"].as_str().unwrap_or_default();
        support::is_problem(&answer, status, code);
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        assert!(detail.len() <= 4_000, "a detail of {} bytes", detail.len());
    }
}

/// A store that is replaced after some requests, so that it stays small.
struct Server {
    runtime: tokio::runtime::Runtime,
    harness: ApiHarness,
    served: u32,
}

impl Server {
    fn new() -> Server {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Server { runtime, harness: ApiHarness::new(), served: 0 }
    }

    fn serve(&mut self, text: &[u8]) {
        self.served += 1;
        if self.served.is_multiple_of(REQUESTS) {
            self.harness = ApiHarness::new();
        }
        self.runtime.block_on(exercise(&self.harness, text));
    }
}

#[test]
fn what_once_went_wrong_stays_right() {
    let mut server = Server::new();
    target().replay(|text| server.serve(text));
}

#[test]
fn any_request_gets_an_answer_that_is_no_error_of_the_server() {
    let known = known();
    let mut server = Server::new();
    target().fuzz(1_500, |rng| drawn(rng, &known), |text| server.serve(text));
}
