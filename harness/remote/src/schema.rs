//! The JSON Schema of target files, for editors: made from the types that files are read into.

use schemars::generate::SchemaSettings;

use super::file::TargetFile;

/// The schema as a file: JSON with a line end behind it.
///
/// # Errors
/// None for this schema, whose maps have text keys; the writer's errors are kept rather than hidden.
pub fn text() -> Result<String, serde_json::Error> {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<TargetFile>();
    schema.insert("title".to_owned(), "A target of edgeproof".into());
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::tools;
    use edgeproof_scenario::load::Variables;
    use edgeproof_test_support::golden::assert_golden;
    use serde_json::Value as Json;

    use super::*;
    use crate::Target;

    #[test]
    fn the_published_schema_is_the_readers() {
        assert_golden("scenarios/target.schema.json", &text().unwrap());
    }

    #[test]
    fn the_example_says_every_key_and_meets_the_schema() {
        let path = tools::home().join("fixtures/targets/staging.yaml");
        let names = [
            "CF_ACCESS_CLIENT_ID",
            "CF_ACCESS_CLIENT_SECRET",
            "PREVIEW_COOKIE",
            "STAGING_PASSWORD",
            "FINGERPRINT_SERVER_API_KEY",
            "CLOUDFLARE_READ_TOKEN",
        ];
        let variables = names.map(|name| (name.to_owned(), "from-outside".to_owned()));
        Target::load(&path, &Variables::new(variables)).unwrap();
        let content = std::fs::read_to_string(&path).unwrap();
        let content: Json = serde_saphyr::from_str(&content).unwrap();
        let schema: Json = serde_json::from_str(&text().unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&content)
            .map(|error| error.to_string())
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let readme = std::fs::read_to_string(tools::home().join("harness/remote/README.md"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, shown) = text.split_once("\n\n").unwrap();
        assert!(
            readme.unwrap().contains(shown),
            "the README shows another example"
        );
        for key in schema["properties"].as_object().unwrap().keys() {
            assert!(
                key == "$schema" || !content[key].is_null(),
                "the example does not say `{key}`"
            );
        }
    }
}
