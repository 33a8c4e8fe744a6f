//! What is told as it happens: changes of activeflows, and commands for gateways without AMQP.

use crate::state::Api;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
}
