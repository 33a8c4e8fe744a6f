//! Repetition of a store operation until the store answers. The arguments stay the same, so an operation whose answer was
//! lost happens once.

use crate::StoreError;
use crate::backoff::Backoff;
use crate::ports::Clock;
use std::future::Future;

/// Repeats `call` while its error is transient. Only the heartbeat logs at warning level that the store is unreachable.
///
/// # Errors
/// The first error that is not transient.
pub async fn until_answered<T, F, Fut>(clock: &dyn Clock, mut call: F) -> Result<T, StoreError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    let mut backoff = Backoff::default();
    loop {
        match call().await {
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "The state store did not answer; repeating the call");
                clock.sleep(backoff.pause()).await;
            }
            answered => return answered,
        }
    }
}
