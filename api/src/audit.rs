//! The audit log: one line for each change by REST, with the target `audit`.

use crate::problem::Problem;
use axum::response::Response;
use common::mask::masked;
use std::net::IpAddr;

/// The resource that an operation changed, if the path does not name it. A handler adds it to its response.
#[derive(Clone, Debug)]
pub struct ChangedResource(pub String);

/// Who asks for what.
pub struct Asked {
    /// Name of the key.
    pub key: String,
    pub peer: Option<IpAddr>,
    pub customer_id: String,
    pub method: String,
    /// The requested path, without the query.
    pub path: String,
    pub request_id: String,
}

/// The line of one request. It is written even if the client disconnects before the response.
pub struct AuditLine {
    asked: Asked,
    outcome: Option<Outcome>,
}

struct Outcome {
    status: u16,
    /// Code of the problem, or `done`.
    text: String,
    resource: Option<String>,
}

impl AuditLine {
    pub fn begin(asked: Asked) -> AuditLine {
        let path = masked(&asked.path);
        AuditLine { asked: Asked { path, ..asked }, outcome: None }
    }

    /// Writes the line.
    pub fn end(mut self, response: &Response) {
        let problem = response.extensions().get::<Problem>();
        let text = problem.map_or_else(|| "done".to_owned(), |problem| problem.code.to_string());
        let resource = response.extensions().get::<ChangedResource>().map(|changed| masked(&changed.0));
        self.outcome = Some(Outcome { status: response.status().as_u16(), text, resource });
    }
}

impl Drop for AuditLine {
    fn drop(&mut self) {
        let Asked { key, peer, customer_id, method, path, request_id } = &self.asked;
        let peer = peer.map_or_else(|| "this process".to_owned(), |peer| peer.to_string());
        let unknown = Outcome { status: 0, text: "unknown, the client disconnected".into(), resource: None };
        let Outcome { status, text, resource } = self.outcome.take().unwrap_or(unknown);
        let resource = resource.unwrap_or_else(|| path.clone());
        tracing::info!(
            target: "audit",
            key, peer, customer_id, method, path, resource, status, outcome = text, request_id,
            "the key `{key}` at {peer}: {method} {path}: {text}"
        );
    }
}
