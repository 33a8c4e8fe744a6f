//! The REST client as the simulated carrier uses it.

use crate::client::{Client, Messages, problem};
use async_trait::async_trait;
use carrier::api::{Api, ApiError, CommandStream, EventAnswer, StreamedCommand};
use hyper::{Method, StatusCode};
use serde_json::Value;
use std::sync::Arc;

pub struct RestApi(pub Arc<Client>);

struct Commands(Messages);

fn failed(failure: impl std::fmt::Display) -> ApiError {
    ApiError(failure.to_string())
}

#[async_trait]
impl Api for RestApi {
    async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.0.get(path).await.map_err(failed)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.0.post(path, body).await.map_err(failed)
    }

    async fn delete(&self, path: &str) -> Result<Value, ApiError> {
        self.0.delete(path).await.map_err(failed)
    }

    async fn post_event(&self, body: &str) -> EventAnswer {
        let answer = match self.0.ask(Method::POST, "/v1/events", Some(body.as_bytes().to_vec())).await {
            Ok(answer) => answer,
            Err(failure) => return EventAnswer::Retry(failure.to_string()),
        };
        if answer.status.is_success() {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            EventAnswer::Stored { activeflow: body["activeflow_id"].as_str().map(str::to_owned) }
        } else if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
            EventAnswer::Retry(problem(&answer).to_string())
        } else {
            EventAnswer::Refused(problem(&answer).to_string())
        }
    }

    async fn commands(&self, path: &str) -> Result<Box<dyn CommandStream>, ApiError> {
        Ok(Box::new(Commands(self.0.messages(path, None).await.map_err(failed)?)))
    }
}

#[async_trait]
impl CommandStream for Commands {
    async fn next(&mut self) -> Option<StreamedCommand> {
        let message = self.0.next().await?;
        let position = message.id.as_deref().and_then(|id| id.parse().ok());
        Some(StreamedCommand { position, body: message.data.into_bytes() })
    }
}
