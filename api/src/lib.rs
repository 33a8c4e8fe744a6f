//! The door for people and programs: REST over the same ports that the roles use. It decides nothing about running
//! activeflows itself: it asks the store, and the next claim does what was asked.
//!
//! ```text
//! request ─► middleware (request id, panics, metrics) ─► auth (whose) ─► operations/* ─► ports
//!                                                                  │ resource/*: what is shown
//!                                                                  └ publish/*: what a change of definitions comes to
//! ```
//! Every refusal is an RFC 9457 problem. The document `openapi.json` is generated from the same lines that make the
//! routes.

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
mod problem;
pub mod publish;
pub mod resource;
mod state;

pub use config::{Config, Key};
pub use document::openapi;
pub use problem::{Part, Problem};

/// What operations take and answer, for clients in Rust.
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
use common::ports::{Catalogue, Clock, Commands, Intake, Lookup, Members, Rejects, Upkeep};
use state::Api;
use std::sync::Arc;

/// What the API asks of the world.
#[derive(Clone)]
pub struct Ports {
    pub intake: Arc<dyn Intake>,
    pub catalogue: Arc<dyn Catalogue>,
    pub lookup: Arc<dyn Lookup>,
    pub members: Arc<dyn Members>,
    pub upkeep: Arc<dyn Upkeep>,
    pub rejects: Arc<dyn Rejects>,
    /// `None` where commands leave by AMQP: gateways then bind a queue there.
    pub commands: Option<Arc<dyn Commands>>,
    pub clock: Arc<dyn Clock>,
}

/// Every route, ready to be served.
pub fn router(ports: Ports, config: Config) -> Router {
    middleware::describe();
    let api = Arc::new(Api::new(ports, config));
    let guarded = Router::from(operations::guarded()).layer(from_fn_with_state(api.clone(), auth::require));
    Router::from(operations::open())
        .merge(guarded)
        .fallback(middleware::no_such_path)
        .method_not_allowed_fallback(middleware::no_such_method)
        .layer(from_fn(middleware::serve))
        .with_state(api)
}
