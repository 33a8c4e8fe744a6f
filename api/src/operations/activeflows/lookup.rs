//! Finds the activeflow that a request names.

use crate::api::Api;
use crate::auth::Caller;
use crate::extract::Path;
use crate::problem::Problem;
use crate::resource::Activeflow;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use common::ActiveflowId;
use common::identity::InvalidActiveflowId;
use common::ports::lookup::ActiveflowSnapshot;
use std::sync::Arc;

/// Extractor of the activeflow that the path names.
pub struct Found(pub ActiveflowSnapshot);

impl<S> FromRequestParts<S> for Found
where
    S: Send + Sync,
    Arc<Api>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Found, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let Path(id) = Path::<String>::from_request_parts(parts, state).await?;
        find(&Arc::<Api>::from_ref(state), &caller, &id).await.map(Found)
    }
}

/// The activeflow with this id, if the caller may see it.
///
/// # Errors
/// 400 for an invalid id, 404, or as [`Api::ask`].
pub async fn find(api: &Api, caller: &Caller, id: &str) -> Result<ActiveflowSnapshot, Problem> {
    let id: ActiveflowId = id
        .parse()
        .map_err(|error: InvalidActiveflowId| Problem::bad_request("invalid_path", error.to_string()))?;
    let found = api.ask(|| api.ports.lookup.get(id)).await?;
    found.filter(|found| caller.may_see(&found.record.spec.customer_id)).ok_or_else(|| unknown(id))
}

pub fn unknown(id: ActiveflowId) -> Problem {
    Problem::not_found(format!(
        "there is no activeflow {id}: it never existed, or it was deleted after engine.ended_retention; GET /v1/activeflows lists the activeflows"
    ))
}

/// The resource of an activeflow.
///
/// # Errors
/// As [`Api::ask`].
pub async fn resource(api: &Api, found: &ActiveflowSnapshot) -> Result<Activeflow, Problem> {
    let bundle = api.bundle_of(found).await?;
    Ok(Activeflow::of(found, bundle.as_deref()))
}

/// The resources of several activeflows, in the same order.
///
/// # Errors
/// As [`Api::ask`].
pub async fn resources(api: &Api, found: &[ActiveflowSnapshot]) -> Result<Vec<Activeflow>, Problem> {
    let mut resources = Vec::with_capacity(found.len());
    for found in found {
        resources.push(resource(api, found).await?);
    }
    Ok(resources)
}
