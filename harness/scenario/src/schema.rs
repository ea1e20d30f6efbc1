//! The JSON Schema of scenario files, for editors: made from the same types that files are read into, so that it cannot
//! say anything else than the reader does.

use schemars::{
    Schema,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value as Json, json};

use super::file::Scenario;

/// Where a value of the matrix or a captured one may stand in place of anything.
const REFERENCE: &str = r"^\$\{[^}]+\}$";

/// The schema as a file: JSON with a line end behind it.
///
/// # Errors
/// None for this schema, whose maps have text keys; the writer's errors are kept rather than hidden.
pub fn text() -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&schema())?;
    text.push('\n');
    Ok(text)
}

/// The schema of a scenario file as it is written: before includes, defaults and the matrix are worked in.
pub fn schema() -> Schema {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Scenario>();
    whole_file(&mut schema);
    deployment_file(&mut schema);
    transform_subschemas(&mut Written, &mut schema);
    schema
}

/// A deployment may name the file that gets deployed.
fn deployment_file(schema: &mut Schema) {
    let properties = schema
        .get_mut("$defs")
        .and_then(|types| types.get_mut("Deployment"))
        .and_then(|deployment| deployment.get_mut("properties"))
        .and_then(Json::as_object_mut);
    if let Some(properties) = properties {
        let file = json!({ "type": "string" });
        let about = "A deployment file, relative to the file that names it; keys next to it take precedence.";
        properties.insert("file".to_owned(), described(file, about));
    }
}

/// What a file may say beside the scenario itself.
fn whole_file(schema: &mut Schema) {
    // What is required may stand in an included file or in the folder's defaults.
    schema.remove("required");
    schema.insert("title".to_owned(), "A scenario of edgeproof".into());
    let files = json!({ "anyOf": [
        { "type": "string" },
        { "type": "array", "items": { "type": "string" } }
    ] });
    let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) else {
        return;
    };
    properties.insert(
        "include".to_owned(),
        described(
            files.clone(),
            "Files whose content applies unless this file overrides it.",
        ),
    );
    properties.insert(
        "matrix".to_owned(),
        json!({
            "description": "The scenario is run once for each combination of these values; `${name}` is replaced by them.",
            "type": "object",
            "additionalProperties": { "anyOf": [
                { "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } },
                { "type": "object", "minProperties": 1 }
            ] }
        }),
    );
    if let Some(steps) = properties
        .get_mut("steps")
        .and_then(|steps| steps.get_mut("items"))
    {
        let included = json!({
            "type": "object",
            "required": ["include"],
            "additionalProperties": false,
            "properties": { "include": described(json!({ "type": "string" }), "A file with a list of steps.") }
        });
        *steps = json!({ "anyOf": [steps.clone(), included] });
    }
}

fn described(mut schema: Json, description: &str) -> Json {
    schema["description"] = description.into();
    schema
}

/// Makes the schema of a type the schema of what may be written for it.
#[derive(Clone)]
struct Written;

impl Transform for Written {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else {
            return;
        };
        // Rust's number formats mean nothing to an editor.
        object.remove("format");
        // One word of several, or a word with content. `anyOf`, because a reference may stand for each of them.
        if let Some(choices) = object.remove("oneOf") {
            object.insert("anyOf".to_owned(), choices);
            return or_reference(object);
        }
        let Some(kind) = object.get("type").cloned() else {
            return;
        };
        let kinds: Vec<&str> = match &kind {
            Json::String(kind) => vec![kind],
            Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).collect(),
            _ => return,
        };
        if kinds.contains(&"string")
            && !object.contains_key("enum")
            && !object.contains_key("pattern")
        {
            // A text is what stands in the file, whatever YAML takes it for.
            if kinds == ["string"] && !object.contains_key("const") {
                object.insert("type".to_owned(), json!(["string", "number", "boolean"]));
            }
            return;
        }
        // `ann:` with nothing behind it is a mapping with everything at its default.
        if kinds == ["object"] {
            object.insert("type".to_owned(), json!(["object", "null"]));
        }
        or_reference(object);
    }
}

/// Lets `${name}` stand in place of the value.
fn or_reference(object: &mut Map<String, Json>) {
    const ABOUT: [&str; 3] = ["description", "title", "default"];
    let mut about = Map::new();
    for key in ABOUT {
        if let Some(value) = object.remove(key) {
            about.insert(key.to_owned(), value);
        }
    }
    let value = std::mem::take(object);
    about.insert(
        "anyOf".to_owned(),
        json!([value, { "type": "string", "pattern": REFERENCE }]),
    );
    *object = about;
}

#[cfg(test)]
mod tests;
