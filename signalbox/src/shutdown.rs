//! SIGTERM and SIGINT: the first asks everything to finish, the second ends the process at once, and so does time.

use crate::failure::Failure;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Beyond the grace that roles give themselves, for what does not heed it.
const MARGIN: Duration = Duration::from_secs(5);

/// Cancels the token with the first signal; streams are made once, here, so that no signal is missed.
///
/// # Errors
/// Signals cannot be listened to.
pub fn on_signals(grace: Duration) -> Result<CancellationToken, Failure> {
    let failed = |error| Failure::failed(format!("signals cannot be listened to: {error}"));
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
        "{name} received: finishing; a second signal exits at once"
    );
    token.cancel();
    tokio::select! {
        name = next(&mut terminate, &mut interrupt) => {
            tracing::warn!(signal = name, "{name} received again: exiting at once; others take over after the lease");
        }
        () = tokio::time::sleep(grace + MARGIN) => {
            tracing::error!(grace_ms = grace.as_millis() as u64, "not finished {MARGIN:?} after the grace period: exiting; others take over after the lease");
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
