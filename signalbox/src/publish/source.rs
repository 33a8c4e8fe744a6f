//! The document that a deployed flow was made of.

use crate::failure::Failure;
use flow::Bundle;
use serde_json::Value;

/// The main document of a bundle, as text that compiles to the same bundle. (Bytes are a format byte and JSON.)
///
/// # Errors
/// The bytes have no document.
pub fn main_document(bundle: &Bundle) -> Result<String, Failure> {
    let document = bundle
        .to_bytes()
        .get(1..)
        .and_then(|json| serde_json::from_slice::<Value>(json).ok())
        .and_then(|mut stored| stored.get_mut("document").map(Value::take));
    document
        .map(|document| document.to_string())
        .ok_or_else(|| Failure::failed(format!("the bundle of `{}` has no document", bundle.name())))
}
