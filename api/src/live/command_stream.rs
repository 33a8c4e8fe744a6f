//! Sends the commands of a queue to its reader.

use super::sse::{Disconnected, EventWriter, KEEP_ALIVE};
use crate::api::Api;
use axum::response::sse::Event;
use common::ports::commands::{CommandReader, QueuedCommand};

/// Sends commands until the stream ends, with a comment that gives the reason.
pub async fn serve(api: &Api, reader: Box<dyn CommandReader>, writer: &EventWriter) {
    match api.config.shutdown.run_until_cancelled(send_commands(api, reader, writer)).await {
        Some(Ok(())) => {
            writer.comment("this stream ends: another reader opened the queue, or the queue was removed")
        }
        Some(Err(Disconnected)) => {}
        None => writer
            .comment("Signalbox is shutting down; connect again: every unacknowledged command comes again"),
    }
}

/// Sends commands until another reader opens the queue.
async fn send_commands(
    api: &Api,
    mut reader: Box<dyn CommandReader>,
    writer: &EventWriter,
) -> Result<(), Disconnected> {
    writer.send(Event::default().comment("the queue is yours")).await?;
    loop {
        let event = tokio::select! {
            next = reader.next() => match next {
                Some(QueuedCommand { position, message }) => {
                    Event::default().event("command").id(position.to_string()).data(message.body)
                }
                None => return Ok(()),
            },
            () = api.ports.clock.sleep(KEEP_ALIVE) => Event::default().comment("no commands"),
        };
        writer.send(event).await?;
    }
}
