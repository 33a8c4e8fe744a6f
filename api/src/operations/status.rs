//! `GET /v1/status`: members, generation and queue depths.

use crate::api::Api;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use common::Shard;
use common::member::activity;
use common::ports::upkeep::Depth;
use flow::Timestamp;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(status))
}

/// Status of the installation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    #[schema(example = "0.1.0")]
    pub version: String,
    /// Generation of the definitions; counts publications.
    #[schema(example = 4)]
    pub generation: u64,
    pub members: Vec<MemberStatus>,
    #[schema(example = 16)]
    pub shards: u16,
    pub depth: DepthStatus,
    /// `embedded` or `redis`
    #[schema(example = "embedded")]
    pub store: String,
    /// `embedded` or `amqp`
    #[schema(example = "embedded")]
    pub bus: String,
}

/// A process in one role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemberStatus {
    #[schema(example = "0f8c3d8c4c0e4f0e9a0b8c7d6e5f4a3b")]
    pub id: String,
    /// `dispatcher`, `executor` or `scheduler`
    #[schema(example = "executor")]
    pub role: String,
    /// Process instance: `host:pid`
    #[schema(example = "node-1:4711")]
    pub instance: String,
    /// Number of heartbeats sent; a member whose number stops rising is dead.
    #[schema(example = 1234)]
    pub heartbeats: u64,
    /// The generation of the definitions that it has loaded.
    #[schema(example = 4)]
    pub generation: u64,
    /// Of a dispatcher: `active` (it receives the events), `standby` (another one does), `idle` (no event has come yet, so it is not
    /// known which of several is active) or `disconnected`. Otherwise null.
    #[serde(default)]
    #[schema(required = true, example = json!(null))]
    pub activity: Option<String>,
}

/// Number of activeflows by state, over all shards.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct DepthStatus {
    /// Ready again after a wait
    pub resumed: u64,
    /// Ready for the first time
    pub new: u64,
    /// Held back because a worker died while it ran them
    pub suspects: u64,
    /// Claimed by a worker
    pub claimed: u64,
    /// Waits with a deadline
    pub waits: u64,
    /// Time since which the oldest ready activeflow has been ready
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub oldest_ready: Option<Timestamp>,
}

/// Show members, generation and queue depths
#[utoipa::path(
    get,
    path = "/v1/status",
    operation_id = "getStatus",
    tag = "service",
    responses((status = 200, body = Status))
)]
async fn status(State(api): State<Arc<Api>>) -> Result<Json<Status>, Problem> {
    let ports = &api.ports;
    let shards = ports.intake.shards();
    let definitions = api.definitions().await?;
    let members = api.ask(|| ports.members.members()).await?;
    let depths = try_join_all((0..shards).map(|shard| api.ask(move || ports.upkeep.depth(Shard(shard)))));
    let depth = depths.await?.into_iter().fold(DepthStatus::default(), with);
    let members = members.iter().map(|member| MemberStatus {
        id: member.id.to_string(),
        role: member.role.to_string(),
        instance: member.instance.clone(),
        heartbeats: member.heartbeats,
        generation: member.generation,
        activity: activity(member, &members).map(|activity| activity.to_string()),
    });
    let members = members.collect();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generation: definitions.generation,
        members,
        shards,
        depth,
        store: api.config.store.to_owned(),
        bus: api.config.bus.to_owned(),
    }))
}

fn with(all: DepthStatus, shard: Depth) -> DepthStatus {
    DepthStatus {
        resumed: all.resumed + shard.resumed,
        new: all.new + shard.new,
        suspects: all.suspects + shard.suspects,
        claimed: all.claimed + shard.claimed,
        waits: all.waits + shard.waits,
        oldest_ready: all.oldest_ready.into_iter().chain(shard.oldest_ready).min(),
    }
}
