//! From a flow document's text to a program, with findings for everything that is wrong.

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
