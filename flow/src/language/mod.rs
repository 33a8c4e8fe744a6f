//! The flow language: from the text of a document to a compiled flow, with findings for everything that is wrong.
//!
//! ```text
//! text ─ source ─► JSON ─ document, reader, options, expression ─► program ─ lint ─► findings
//! ```

pub(crate) mod action;
pub(crate) mod document;
pub(crate) mod expression;
pub mod finding;
pub(crate) mod lint;
mod names;
mod options;
pub(crate) mod program;
mod reader;
pub(crate) mod schema;
pub(crate) mod source;

pub(crate) use names::RESERVED;
pub(crate) use options::{Condition, Count, Data, Text};
