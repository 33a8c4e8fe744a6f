//! The JSON Schema (draft 2020-12) of a flow document, from the types that read it.

use super::document::{Document, SCHEMA, TRIGGERS};
use crate::actions::CATALOGUE;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The schema of a flow document, with the options of every action type.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let kinds: Vec<Value> = CATALOGUE
        .iter()
        .map(|kind| {
            let names: Vec<&str> = std::iter::once(kind.name).chain(kind.aliases.iter().copied()).collect();
            json!({
                "if": { "properties": { "type": { "enum": names } } },
                "then": { "properties": { "option": (kind.schema)(&mut generator) } },
            })
        })
        .collect();
    let options = generator.take_definitions(true);
    let mut schema = generator.into_root_schema_for::<Document>().to_value();
    schema["$id"] = json!("https://signalbox.example/schemas/flow.v1.json");
    schema["title"] = json!("Signalbox flow");
    schema["properties"]["schema"] = json!({ "const": SCHEMA });
    schema["$defs"]["Action"]["allOf"] = json!(kinds);
    schema["$defs"]["Action"]["properties"]["type"]["enum"] = json!(
        CATALOGUE.iter().flat_map(|kind| std::iter::once(&kind.name).chain(kind.aliases)).collect::<Vec<_>>()
    );
    schema["$defs"]["Trigger"]["properties"]["event"]["examples"] = json!(TRIGGERS);
    for (name, options) in options {
        schema["$defs"][name] = options;
    }
    schema
}
