//! The configuration as a JSON schema, for editors: what they complete, explain and underline while a file is
//! written. Made from the one list of tables and keys, so that it cannot lag behind.
//!
//! It describes one file, and it is milder than `rackwarden check`: references between tables, secrets and what
//! belongs together are not said in it. What it refuses, the check refuses too.

use super::form::{Form, protocols, rated_kinds};
use super::limits::{AMPERES_MOST, FORMAT_VERSION, LABELS_MOST, NAME_CHARS_MOST};
use super::schema::{self, Key, Table};
use serde_json::{Map, Value, json};

/// The schema, as draft 7, which TOML editors (taplo, Even Better TOML, tombi) read.
#[must_use]
pub fn json_schema() -> Value {
    let mut whole = object(schema::root());
    whole.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    whole.insert("title".to_owned(), json!("Rackwarden's configuration"));
    whole.insert("description".to_owned(), json!("rackwarden.toml, and the files of conf.d and devices.d"));
    Value::Object(whole)
}

/// A table: its keys and no others.
fn object(table: &Table) -> Map<String, Value> {
    let properties: Map<String, Value> =
        table.keys.iter().map(|it| (it.name.to_owned(), Value::Object(property(it)))).collect();
    let required: Vec<&str> = table.keys.iter().filter(|it| it.required).map(|it| it.name).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("additionalProperties".to_owned(), json!(false));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

fn property(key: &Key) -> Map<String, Value> {
    let mut property = of_form(&key.form);
    property.insert("description".to_owned(), json!(key.about));
    if let Some(default) = key.default.and_then(value) {
        property.insert("default".to_owned(), default);
    }
    if let Some(example) = value(key.example) {
        property.insert("examples".to_owned(), json!([example]));
    }
    property
}

/// What a form takes.
fn of_form(form: &Form) -> Map<String, Value> {
    let said = match form {
        Form::Text | Form::Note | Form::Secret | Form::EngineId | Form::Path | Form::Listen | Form::Url => {
            json!({ "type": "string" })
        }
        Form::Variable => json!({ "type": "string", "minLength": 1 }),
        Form::Choice(words) => json!({ "type": "string", "enum": words }),
        // Other spellings are understood; these are the ones to write.
        Form::Authentication | Form::Privacy => {
            json!({ "type": "string", "anyOf": [{ "enum": protocols(form) }, {}] })
        }
        Form::Texts | Form::Paths | Form::Addresses => {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        Form::Flag => json!({ "type": "boolean" }),
        Form::Version => json!({ "type": "integer", "const": FORMAT_VERSION }),
        Form::Count { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Form::Number => json!({ "type": "number" }),
        Form::Duration { .. } => json!({ "type": "string", "pattern": DURATION }),
        Form::Labels => json!({
            "type": "object",
            "maxProperties": LABELS_MOST,
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
            "additionalProperties": { "type": "string", "maxLength": NAME_CHARS_MOST },
        }),
        Form::Templates => json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "additionalProperties": { "type": "string" } },
        ] }),
        Form::Rated => json!({
            "type": "object",
            "propertyNames": { "enum": rated_kinds() },
            "additionalProperties": { "type": "number", "exclusiveMinimum": 0, "maximum": AMPERES_MOST },
        }),
        Form::Threshold => threshold(),
        Form::Selection => json!({ "anyOf": [
            { "const": "all" },
            { "type": "array", "minItems": 1, "items": { "type": "string" } },
            {
                "type": "object",
                "properties": { "match": { "type": "object", "additionalProperties": { "type": "string" } } },
                "required": ["match"],
                "additionalProperties": false,
            },
        ] }),
        Form::Inline(table) | Form::Table(table) => Value::Object(object(table)),
        Form::Named(table) => json!({ "type": "object", "additionalProperties": object(table) }),
        Form::List(table) => json!({ "type": "array", "items": object(table) }),
    };
    match said {
        Value::Object(said) => said,
        _ => Map::new(),
    }
}

fn threshold() -> Value {
    let limit = json!({ "anyOf": [
        { "type": "number" },
        { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 },
    ] });
    json!({ "anyOf": [
        limit.clone(),
        {
            "type": "object",
            "properties": { "value": limit, "clear": limit },
            "required": ["value"],
            "additionalProperties": false,
        },
    ] })
}

/// A TOML value as JSON. `None`: there is none, or it is no such value.
fn value(text: &str) -> Option<Value> {
    let value: toml::Table = toml::from_str(&format!("it = {text}")).ok()?;
    serde_json::to_value(value.get("it")?).ok()
}

/// Numbers with units: `1h30m`, `1h 30m`.
const DURATION: &str = r"^\s*([0-9]+\s*[a-z]+\s*)+$";

#[cfg(test)]
mod tests {
    use super::json_schema;

    #[test]
    fn says_what_the_tables_say() {
        let schema = json_schema();
        let at = |pointer: &str| schema.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/properties/polling/properties/interval/default"), "30s");
        assert_eq!(at("/properties/devices/items/required"), serde_json::json!(["name", "address"]));
        assert_eq!(at("/properties/devices/items/properties/port/maximum"), 65_535);
        assert_eq!(at("/properties/credentials/additionalProperties/properties/version/enum/0"), "1");
        assert_eq!(at("/properties/version/const"), 1);
    }
}
