//! The right that each operation needs. An operation that is not in the table needs every right.

use crate::config::Role;
use axum::http::Method;

/// What an operation needs and leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub role: Role,
    pub scope: Scope,
    /// Whether it leaves a line in the audit log. Events and acknowledgements are traffic, which the metrics count.
    pub is_audited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The operation is about the resources of one customer.
    Customer,
    /// The operation is about the whole installation, so the key must be for all customers.
    Installation,
}

type Row = (&'static str, &'static str, Role, Scope, bool);

use Role::{Admin, Operate, Read};
use Scope::{Customer, Installation};

const OPERATIONS: &[Row] = &[
    ("GET", "/v1/activeflows", Read, Customer, false),
    ("GET", "/v1/activeflows/events", Read, Customer, false),
    ("GET", "/v1/activeflows/{id}", Read, Customer, false),
    ("GET", "/v1/activeflows/{id}/actions", Read, Customer, false),
    ("GET", "/v1/activeflows/{id}/journal", Read, Customer, false),
    ("POST", "/v1/activeflows/{id}/continue", Operate, Customer, true),
    ("POST", "/v1/activeflows/{id}/forward", Operate, Customer, true),
    ("POST", "/v1/activeflows/{id}/pause", Operate, Customer, true),
    ("POST", "/v1/activeflows/{id}/resume", Operate, Customer, true),
    ("POST", "/v1/activeflows/{id}/retry", Operate, Customer, true),
    ("POST", "/v1/activeflows/{id}/stop", Operate, Customer, true),
    ("GET", "/v1.0/activeflows", Read, Customer, false),
    ("GET", "/v1.0/activeflows/{id}", Read, Customer, false),
    ("POST", "/v1.0/activeflows/{id}/stop", Operate, Customer, true),
    ("GET", "/v1/flows", Read, Customer, false),
    ("GET", "/v1/flows/{id}", Read, Customer, false),
    ("POST", "/v1/flows/validate", Read, Customer, false),
    ("POST", "/v1/flows", Admin, Customer, true),
    ("GET", "/v1/routes", Read, Customer, false),
    ("PUT", "/v1/routes/{address}", Admin, Customer, true),
    ("DELETE", "/v1/routes/{address}", Admin, Customer, true),
    ("GET", "/v1/schemas/flow", Read, Customer, false),
    ("GET", "/v1/status", Read, Customer, false),
    // Routes determine the customer of an event, so a sender can reach all customers.
    ("POST", "/v1/events", Operate, Installation, false),
    ("GET", "/v1/commands", Operate, Installation, false),
    ("GET", "/v1/commands/queues", Read, Installation, false),
    ("POST", "/v1/commands/ack", Operate, Installation, false),
    ("DELETE", "/v1/commands", Operate, Installation, true),
];

const REJECTED: &[Row] = &[
    ("GET", "/v1/events/rejected", Read, Installation, false),
    ("POST", "/v1/events/rejected/discard", Operate, Installation, true),
    ("POST", "/v1/events/rejected/replay", Operate, Installation, true),
];

/// The row of an operation; `None` if the table does not have it.
pub fn listed(method: &str, path: &str) -> Option<Access> {
    // The answer to HEAD is the header of the answer to GET.
    let method = if method == "HEAD" { "GET" } else { method };
    let mut rows = OPERATIONS.iter().chain(REJECTED);
    rows.find(|row| row.0 == method && row.1 == path).map(|(_, _, role, scope, is_audited)| Access {
        role: *role,
        scope: *scope,
        is_audited: *is_audited,
    })
}

/// What an operation needs; `path` is the pattern of its route.
pub fn needed(method: &Method, path: &str) -> Access {
    let all = Access { role: Admin, scope: Installation, is_audited: true };
    listed(method.as_str(), path).unwrap_or(all)
}

#[cfg(test)]
mod tests {
    use super::listed;
    use crate::operations;

    #[test]
    fn every_operation_is_in_the_table() {
        let document = serde_json::to_value(operations::guarded().into_openapi()).unwrap();
        let mut count = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                assert!(listed(&method.to_uppercase(), path).is_some(), "{method} {path}");
                count += 1;
            }
        }
        assert_eq!(count, super::OPERATIONS.len() + super::REJECTED.len(), "a row without an operation");
    }
}
