//! Numbers of connections that leave enough file descriptors for the stores and for health.

use rustix::process::{Resource, getrlimit};

/// Most connections to the listener for operators.
const OPS: u64 = 32;
/// Descriptors that stay free for connections to Redis and RabbitMQ and for files.
const RESERVED: u64 = 128;
/// A listener has at least this many connections.
const LEAST: u64 = 4;

/// Maximum number of open connections to the listener for operators.
pub fn for_ops() -> usize {
    ops(soft_limit()) as usize
}

/// Maximum number of open connections to the REST interface: the wanted number, or fewer if the process may not open
/// enough files. Call it when the stores are open.
pub fn for_api(wanted: usize) -> usize {
    let limit = soft_limit();
    let most = usize::try_from(api(limit, open_files())).unwrap_or(usize::MAX);
    if most < wanted {
        let limit = limit.unwrap_or_default();
        tracing::warn!(
            "api.max_connections is {wanted}, but this process may open only {limit} files: at most {most} connections are \
             accepted; raise the limit (ulimit -n, LimitNOFILE=) or lower api.max_connections"
        );
    }
    wanted.min(most)
}

/// Maximum number of files that the process may have open, if there is a limit.
pub fn soft_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Number of files that the process has open now.
pub fn open_files() -> u64 {
    // Reading the folder takes one descriptor itself.
    std::fs::read_dir("/proc/self/fd").map_or(0, |files| (files.count() as u64).saturating_sub(1))
}

fn ops(limit: Option<u64>) -> u64 {
    limit.map_or(OPS, |limit| (limit / 8).clamp(LEAST, OPS))
}

fn api(limit: Option<u64>, open: u64) -> u64 {
    let Some(limit) = limit else { return u64::MAX };
    let reserved = (limit / 4).min(RESERVED) + ops(Some(limit));
    limit.saturating_sub(open + reserved).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::{api, ops};

    #[test]
    fn descriptors_stay_free_for_health_and_for_the_stores() {
        for (limit, open) in [(64, 20), (256, 40), (1_024, 60), (1_048_576, 500)] {
            let taken = open + api(Some(limit), open) + ops(Some(limit));
            assert!(taken + (limit / 4).min(128) <= limit, "{limit}: {taken}");
        }
        assert_eq!((api(None, 20), ops(None)), (u64::MAX, 32));
        assert_eq!(api(Some(16), 30), 4);
    }
}
