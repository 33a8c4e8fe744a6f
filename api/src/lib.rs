//! The REST API. It uses the same ports as the roles. It never changes a running activeflow directly: it stores a
//! request, and the worker that claims the activeflow next executes it.
//!
//! ```text
//! request ─► middleware (request id, panics, metrics) ─► hosts ─► auth (caller, role) ─► operations/* ─► ports
//!                                                                          │ resource/*: the JSON resources
//!                                                                          └ publish/*: changes of the definitions
//! ```
//! Every error is an RFC 9457 problem. `openapi.json` is generated from the same lines that create the routes.

mod access;
mod api;
mod asyncapi;
mod audit;
mod auth;
mod cache;
mod catalogue;
mod config;
mod document;
mod extract;
mod filter;
mod hosts;
mod idempotency;
mod live;
mod middleware;
mod operations;
mod page;
mod ports;
mod problem;
pub mod publish;
mod resource;
mod state;
mod wrong_keys;

pub use config::{Config, Key, Role};
pub use document::openapi;
pub use hosts::AllowedHosts;
pub use ports::Ports;

use api::Api;
use auth::Authentication;
use axum::Router;
use axum::middleware::from_fn_with_state;
use live::Streams;
use state::{AppState, OpenApiText};
use std::sync::Arc;

/// The router with all routes.
pub fn router(ports: Ports, config: Config) -> Router {
    middleware::describe();
    common::event_metrics::describe();
    let clock = ports.clock.clone();
    let authentication = Arc::new(Authentication::new(&config.keys, clock.clone()));
    let hosts = Arc::new(config.hosts.clone());
    let state = AppState {
        api: Arc::new(Api::new(ports, config)),
        streams: Arc::new(Streams::default()),
        openapi: OpenApiText(document::openapi),
    };
    let guarded =
        Router::from(operations::guarded()).layer(from_fn_with_state(authentication, auth::require));
    Router::from(operations::open())
        .merge(guarded)
        .fallback(middleware::no_such_path)
        .method_not_allowed_fallback(middleware::no_such_method)
        .layer(from_fn_with_state(hosts, hosts::require))
        .layer(from_fn_with_state(clock, middleware::serve))
        .with_state(state)
}
