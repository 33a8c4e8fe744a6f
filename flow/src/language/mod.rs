//! Compiles the text of a flow document to a program, and reports findings about it.

mod compile;
mod document;
mod lint;
mod reader;
mod schema;
mod source;

pub use compile::validate;
pub use document::TRIGGERS;
pub use schema::schema;
pub use source::MAX_DOCUMENT_BYTES;
