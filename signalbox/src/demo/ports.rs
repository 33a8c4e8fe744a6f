//! Addresses to listen at: the configured ones, or the next free ones.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// Maximum number of ports tried.
const TRIES: u16 = 100;

/// `listen`, or the same host with the next free port. An address that cannot be tried is returned unchanged; the
/// listener then reports the error.
pub fn free(listen: &str) -> String {
    let Ok(first) = listen.parse::<SocketAddr>() else { return listen.to_owned() };
    let candidates = (0..TRIES).filter_map(|more| first.port().checked_add(more));
    let is_free = |port: &u16| {
        let tried = TcpListener::bind(SocketAddr::new(first.ip(), *port));
        !tried.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    };
    let found = candidates.into_iter().find(is_free).unwrap_or(first.port());
    SocketAddr::new(first.ip(), found).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let other: SocketAddr = free(&address.to_string()).parse().unwrap();
        assert!(other.port() > address.port());
        drop(taken);
        assert_eq!(free(&address.to_string()), address.to_string());
        assert_eq!(free(""), "");
    }
}
