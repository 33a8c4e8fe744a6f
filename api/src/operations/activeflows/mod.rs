//! `/v1/activeflows`: shows and controls activeflows.

mod control;
mod follow;
mod list;
pub mod lookup;
mod read;
pub mod stop;

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_activeflows))
        .routes(routes!(read::get_activeflow))
        .routes(routes!(read::get_actions))
        .routes(routes!(read::get_journal))
        .routes(routes!(stop::stop_activeflow))
        .routes(routes!(control::pause_activeflow))
        .routes(routes!(control::resume_activeflow))
        .routes(routes!(control::retry_activeflow))
        .routes(routes!(control::continue_activeflow))
        .routes(routes!(control::forward_activeflow))
        .routes(routes!(follow::follow_activeflows))
}
