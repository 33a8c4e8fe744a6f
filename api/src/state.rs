//! The state of the router. A handler asks for the part that it needs.

use crate::api::Api;
use crate::live::Streams;
use axum::extract::FromRef;
use std::sync::Arc;

#[derive(Clone)]
pub struct AppState {
    pub api: Arc<Api>,
    pub streams: Arc<Streams>,
    pub openapi: OpenApiText,
}

/// Renders the OpenAPI document, which describes the operations and therefore cannot be one of their dependencies.
#[derive(Clone, Copy)]
pub struct OpenApiText(pub fn() -> &'static str);

impl FromRef<AppState> for Arc<Api> {
    fn from_ref(state: &AppState) -> Arc<Api> {
        state.api.clone()
    }
}

impl FromRef<AppState> for Arc<Streams> {
    fn from_ref(state: &AppState) -> Arc<Streams> {
        state.streams.clone()
    }
}

impl FromRef<AppState> for OpenApiText {
    fn from_ref(state: &AppState) -> OpenApiText {
        state.openapi
    }
}
