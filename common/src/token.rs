//! The token that identifies a claim.

use crate::member::MemberId;

/// Identifies a claim: the worker, and the nonce of the call that claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    pub worker: MemberId,
    pub nonce: u64,
}

/// Bytes of an id: of a worker, an activeflow or a reference.
pub const ID_BYTES: usize = 16;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 8;

impl Token {
    pub fn to_bytes(self) -> [u8; ID_BYTES + NONCE_BYTES] {
        let mut bytes = [0u8; ID_BYTES + NONCE_BYTES];
        bytes[..ID_BYTES].copy_from_slice(self.worker.as_bytes());
        bytes[ID_BYTES..].copy_from_slice(&self.nonce.to_be_bytes());
        bytes
    }
}
