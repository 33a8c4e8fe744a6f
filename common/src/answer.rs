//! Asking the store until it answers: an unknown outcome is asked again with the same arguments.

use crate::StoreError;
use crate::attempt::Backoff;
use crate::ports::Clock;
use std::future::Future;

/// Repeats `call` while its error is transient. Who beats logs that the store is away; here it is only waited for.
///
/// # Errors
/// The first error that trying again cannot cure.
pub async fn until_answered<T, F, Fut>(clock: &dyn Clock, mut call: F) -> Result<T, StoreError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    let mut backoff = Backoff::default();
    loop {
        match call().await {
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "The state store did not answer; asking again");
                clock.sleep(backoff.pause()).await;
            }
            answered => return answered,
        }
    }
}
