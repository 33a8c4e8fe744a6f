//! Compiles the text of a flow document to a program, and reports findings about it.

mod compile;
mod document;
mod fields;
mod lint;
mod quantity;
mod reader;
mod schema;
mod source;

pub use compile::{calls, validate};
pub use document::TRIGGERS;
pub use schema::schema;
pub use source::MAX_DOCUMENT_BYTES;
