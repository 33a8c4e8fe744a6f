//! SIGTERM and SIGINT: the first signal starts an orderly shutdown; the second signal, or the end of the grace period, ends
//! the process at once.

use crate::failure::Failure;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Time after the grace period until the process is ended by force.
const MARGIN: Duration = Duration::from_secs(5);

/// Cancels the token at the first signal. Listens from now on, so that no signal is missed.
///
/// # Errors
/// The signal handlers cannot be installed.
pub fn on_signals(grace: Duration) -> Result<CancellationToken, Failure> {
    let failed = |error| Failure::failed(format!("the signal handlers cannot be installed: {error}"));
    let terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let token = CancellationToken::new();
    tokio::spawn(watch(terminate, interrupt, grace, token.clone()));
    Ok(token)
}

async fn watch(mut terminate: Signal, mut interrupt: Signal, grace: Duration, token: CancellationToken) {
    let name = next(&mut terminate, &mut interrupt).await;
    tracing::info!(
        signal = name,
        grace_ms = grace.as_millis() as u64,
        "{name} received: shutting down; a second signal exits at once"
    );
    token.cancel();
    tokio::select! {
        name = next(&mut terminate, &mut interrupt) => {
            tracing::warn!(signal = name, "{name} received again: exiting at once; other members take over after the lease");
        }
        () = tokio::time::sleep(grace + MARGIN) => {
            tracing::error!(grace_ms = grace.as_millis() as u64, "shutdown did not finish within {MARGIN:?} after the grace period: exiting; other members take over after the lease");
        }
    }
    std::process::exit(1);
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
