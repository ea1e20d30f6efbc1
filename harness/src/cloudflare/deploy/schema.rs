//! The JSON Schema of deployment files, for editors: made from the types that files are read into.

use schemars::generate::SchemaSettings;

use super::file::DeploymentFile;

/// The schema as a file: JSON with a line end behind it.
///
/// # Errors
/// None for this schema, whose maps have text keys; the writer's errors are kept rather than hidden.
pub fn text() -> Result<String, serde_json::Error> {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<DeploymentFile>();
    schema.insert("title".to_owned(), "A deployment of edgeproof".into());
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}
