//! The thread on which connections are accepted and health is served. It has a runtime of its own and does nothing that
//! takes long.

use crate::failure::Failure;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle};

static FRONT: OnceLock<Result<Handle, String>> = OnceLock::new();

/// The runtime of the thread, which is started once for each process and ends with it.
///
/// # Errors
/// The thread cannot be started.
pub fn handle() -> Result<Handle, Failure> {
    let started = FRONT.get_or_init(|| start().map_err(|error| error.to_string()));
    started.clone().map_err(|error| {
        Failure::failed(format!("the thread that accepts connections cannot be started: {error}"))
    })
}

fn start() -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("front".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}
