//! Publishes commands in order. After a failure, the suffix from the first unconfirmed command is published again with
//! the same bytes.

use crate::commit::AbortReason;
use crate::executor::Executor;
use crate::metrics;
use common::BusError;
use common::backoff::Backoff;
use common::command::Message;
use std::time::Duration;

/// Publishes `commands` until all of them are confirmed.
///
/// # Errors
/// The oldest confirm is overdue: [`AbortReason::Later`] if the broker refuses commands, otherwise
/// [`AbortReason::BrokerAway`].
pub async fn publish(executor: &Executor, commands: &[Message]) -> Result<(), AbortReason> {
    let clock = &executor.ports.clock;
    let mut window = Window { confirmed: 0, oldest_sent: clock.monotonic(), refused: false };
    let mut backoff = Backoff::default();
    loop {
        let before = window.confirmed;
        send(executor, commands, &mut window).await;
        if window.confirmed == commands.len() {
            return Ok(());
        }
        if window.confirmed > before {
            backoff.reset();
        }
        if window.remaining(executor).is_zero() {
            return Err(give_up(executor, &window));
        }
        clock.sleep(backoff.pause().min(window.remaining(executor))).await;
        metrics::resent(commands.len() - window.confirmed);
    }
}

struct Window {
    /// Length of the confirmed prefix.
    confirmed: usize,
    /// Time at which the oldest unconfirmed command was first sent, or at which the one before it was confirmed.
    oldest_sent: Duration,
    /// Whether the last failure was a refusal. A broker that refuses is not away.
    refused: bool,
}

impl Window {
    fn remaining(&self, executor: &Executor) -> Duration {
        let limit = self.oldest_sent + executor.config.confirm_timeout;
        limit.saturating_sub(executor.ports.clock.monotonic())
    }
}

/// Publishes the unconfirmed suffix and awaits its confirms up to the first failure.
async fn send(executor: &Executor, commands: &[Message], window: &mut Window) {
    let clock = &executor.ports.clock;
    let sent = clock.monotonic();
    let suffix = &commands[window.confirmed..];
    let confirms = executor.ports.bus.publish_all(suffix.to_vec());
    for (confirm, command) in confirms.into_iter().zip(suffix) {
        let answer = tokio::select! {
            biased;
            answer = confirm => answer,
            () = clock.sleep(window.remaining(executor)) => return,
        };
        if let Err(error) = answer {
            window.refused = matches!(error, BusError::Nacked { .. });
            tracing::debug!(command_id = command.id, %error, "A command was not confirmed; publishing it and the later ones again");
            return;
        }
        executor.broker.confirmed();
        window.confirmed += 1;
        window.oldest_sent = clock.monotonic();
        metrics::confirmed(&command.routing_key, window.oldest_sent.saturating_sub(sent));
    }
}

fn give_up(executor: &Executor, window: &Window) -> AbortReason {
    if window.refused {
        return AbortReason::Later;
    }
    executor.broker.overdue();
    AbortReason::BrokerAway
}

#[cfg(test)]
mod tests;
