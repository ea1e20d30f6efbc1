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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use edgeproof_ground::tools;
    use edgeproof_test_support::golden::assert_golden;
    use serde_json::Value as Json;

    use super::*;
    use crate::deploy::DeploymentFile;

    fn files() -> Vec<PathBuf> {
        let folder = tools::home().join("fixtures/deployments");
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn the_published_schema_is_the_readers() {
        assert_golden("scenarios/deployment.schema.json", &text().unwrap());
    }

    #[test]
    fn every_example_is_read_and_meets_the_schema() {
        let schema: Json = serde_json::from_str(&text().unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let files = files();
        assert!(files.len() > 2);
        for path in files {
            DeploymentFile::load(&path).unwrap();
            let content = std::fs::read_to_string(&path).unwrap();
            let content: Json = serde_saphyr::from_str(&content).unwrap();
            let wrong: Vec<String> = validator
                .iter_errors(&content)
                .map(|error| error.to_string())
                .collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", path.display());
        }
    }
}
