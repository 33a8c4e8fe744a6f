//! The REST API. It uses the same ports as the roles. It never changes a running activeflow directly: it stores a
//! request, and the worker that claims the activeflow next executes it.
//!
//! ```text
//! request ─► middleware (request id, panics, metrics) ─► auth (caller) ─► operations/* ─► ports
//!                                                                  │ resource/*: the JSON resources
//!                                                                  └ publish/*: changes of the definitions
//! ```
//! Every error is an RFC 9457 problem. `openapi.json` is generated from the same lines that create the routes.

pub mod asyncapi;
mod auth;
mod catalogue;
mod config;
mod document;
mod extract;
mod live;
mod middleware;
mod operations;
mod page;
mod ports;
mod problem;
pub mod publish;
pub mod resource;
mod state;

pub use config::{Config, Key};
pub use document::openapi;
pub use ports::Ports;
pub use problem::{Problem, ProblemPart};

/// Request and response types, for clients in Rust.
pub mod shapes {
    pub use crate::operations::{
        ActiveflowPage, Count, DeployRequest, Deployed, DepthStatus, Document, EventAnswer, EventOutcome,
        EventRefused, EventResult, EventsAnswer, Findings, FlowPage, Forward, Journal, JournalEntry,
        JournalNote, MemberStatus, PlacedRoute, RejectedEvent, RejectedEvents, RejectedSelection, RouteBody,
        RoutePage, RouteRequest, RouteSet, RoutesDeleted, Status, ValidateRequest,
    };
}

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use state::Api;
use std::sync::Arc;

/// The router with all routes.
pub fn router(ports: Ports, config: Config) -> Router {
    middleware::describe();
    let api = Arc::new(Api::new(ports, config));
    let guarded =
        Router::from(operations::guarded()).layer(from_fn_with_state(api.keys.clone(), auth::require));
    Router::from(operations::open())
        .merge(guarded)
        .fallback(middleware::no_such_path)
        .method_not_allowed_fallback(middleware::no_such_method)
        .layer(from_fn(middleware::serve))
        .with_state(api)
}
