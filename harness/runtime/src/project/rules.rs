//! Which files of a worker are modules, and of which kind: `rules` of a wrangler configuration.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;

use super::{super::bundle::ModuleKind, ProjectError};

/// A rule as it is written.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct WrittenRule {
    #[serde(rename = "type")]
    kind: String,
    globs: Vec<String>,
    #[serde(default)]
    fallthrough: bool,
}

/// What holds after the project's own rules.
const DEFAULTS: [(ModuleKind, &[&str]); 3] = [
    (ModuleKind::Text, &["**/*.txt", "**/*.html", "**/*.sql"]),
    (ModuleKind::Data, &["**/*.bin"]),
    (ModuleKind::Wasm, &["**/*.wasm", "**/*.wasm?module"]),
];

/// The rules in the order in which they count.
#[derive(Clone, Debug)]
pub(super) struct Rules(Vec<(ModuleKind, GlobSet, Vec<String>)>);

impl Rules {
    /// The project's own, and then the defaults of the kinds that it has no last word on.
    pub(super) fn of(written: &[WrittenRule]) -> Result<Self, ProjectError> {
        let mut rules = Vec::new();
        let mut closed = Vec::new();
        for rule in written {
            let kind = kind(&rule.kind)?;
            rules.push((kind, set(&rule.globs)?, rule.globs.clone()));
            if !rule.fallthrough {
                closed.push(kind);
            }
        }
        for (kind, globs) in DEFAULTS {
            if !closed.contains(&kind) {
                let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
                rules.push((kind, set(&globs)?, globs));
            }
        }
        Ok(Self(rules))
    }

    /// What the file at this path below the worker's folder is.
    pub(super) fn kind(&self, path: &Path) -> Option<ModuleKind> {
        self.0
            .iter()
            .find(|(_, set, _)| set.is_match(path))
            .map(|(kind, _, _)| *kind)
    }

    /// The extensions of files that stay modules of their own when the rest is bundled.
    ///
    /// # Errors
    /// A pattern that says more than an extension: the bundler knows no other.
    pub(super) fn extensions(&self) -> Result<Vec<String>, ProjectError> {
        let mut extensions = Vec::new();
        for (kind, _, globs) in &self.0 {
            if matches!(kind, ModuleKind::EsModule | ModuleKind::CommonJs) {
                continue;
            }
            for glob in globs.iter().flat_map(|glob| expanded(glob)) {
                let glob = glob.trim_end_matches("?module");
                let extension = glob
                    .rsplit('/')
                    .next()
                    .and_then(|name| name.strip_prefix('*'));
                let is_plain = |extension: &&str| {
                    extension.starts_with('.') && !extension.contains(['*', '?', '[', '{'])
                };
                let extension = extension.filter(is_plain);
                let extension = extension.ok_or_else(|| ProjectError::Glob(glob.to_owned()))?;
                if !extensions.iter().any(|known| known == extension) {
                    extensions.push(extension.to_owned());
                }
            }
        }
        Ok(extensions)
    }
}

/// `**/*.{a,b}` as `**/*.a` and `**/*.b`.
fn expanded(glob: &str) -> Vec<String> {
    match glob.split_once('{').zip(glob.rsplit_once('}')) {
        Some(((before, _), (_, behind))) if glob.find('{') < glob.find('}') => {
            let inner = &glob[before.len() + 1..glob.len() - behind.len() - 1];
            inner
                .split(',')
                .map(|one| format!("{before}{one}{behind}"))
                .collect()
        }
        _ => vec![glob.to_owned()],
    }
}

fn kind(written: &str) -> Result<ModuleKind, ProjectError> {
    match written {
        "ESModule" => Ok(ModuleKind::EsModule),
        "CommonJS" => Ok(ModuleKind::CommonJs),
        "CompiledWasm" => Ok(ModuleKind::Wasm),
        "Text" => Ok(ModuleKind::Text),
        "Data" => Ok(ModuleKind::Data),
        other => Err(ProjectError::Kind(other.to_owned())),
    }
}

fn set(globs: &[String]) -> Result<GlobSet, ProjectError> {
    let wrong = |glob: &str| ProjectError::Glob(glob.to_owned());
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        set.add(built.map_err(|_| wrong(glob))?);
    }
    set.build().map_err(|_| wrong(&globs.join(", ")))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("index.wasm", Some(ModuleKind::Wasm))]
    #[case("deep/down/page.html", Some(ModuleKind::Text))]
    #[case("model.bin", Some(ModuleKind::Data))]
    #[case("lib/util.mjs", None)]
    #[case("notes.md", Some(ModuleKind::Text))]
    #[case("page.txt", None)]
    fn own_rules_come_first_and_end_their_kind(
        #[case] path: &str,
        #[case] expected: Option<ModuleKind>,
    ) {
        let own = match path {
            "notes.md" | "page.txt" => json!([{"type": "Text", "globs": ["**/*.md"]}]),
            _ => json!([{"type": "Text", "globs": ["**/*.md"], "fallthrough": true}]),
        };
        let own: Vec<WrittenRule> = serde_json::from_value(own).unwrap();
        assert_eq!(Rules::of(&own).unwrap().kind(Path::new(path)), expected);
    }

    #[test]
    fn the_bundler_is_told_extensions() {
        let own = json!([{"type": "Data", "globs": ["**/*.{dat,bin}"]}]);
        let own: Vec<WrittenRule> = serde_json::from_value(own).unwrap();
        let extensions = Rules::of(&own).unwrap().extensions().unwrap();
        assert_eq!(
            extensions,
            [".dat", ".bin", ".txt", ".html", ".sql", ".wasm"]
        );
        let own = json!([{"type": "Text", "globs": ["pages/*"]}]);
        let own: Vec<WrittenRule> = serde_json::from_value(own).unwrap();
        assert!(Rules::of(&own).unwrap().extensions().is_err());
    }
}
