//! Stacks in the words of a worker's sources, where its bundle has source maps.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sourcemap::{DecodedMap, SourceMap, decode_data_url, decode_slice};

use super::{bundle::ModuleKind, config::WorkerConfig};

/// A module as a stack names it, in the order of the workers.
#[derive(Debug)]
struct Place {
    worker: String,
    module: String,
    path: PathBuf,
}

/// The source maps of the workers of one runtime. A map is read when the first stack needs it.
#[derive(Debug, Default)]
pub(super) struct SourceMaps {
    places: Vec<Place>,
    read: Mutex<HashMap<PathBuf, Option<SourceMap>>>,
}

impl SourceMaps {
    pub(super) fn of(workers: &[WorkerConfig]) -> Self {
        let places = workers.iter().flat_map(|worker| {
            let modules = worker.bundle.modules.iter();
            modules
                .filter(|module| module.kind == ModuleKind::EsModule)
                .map(|module| Place {
                    worker: worker.name.clone(),
                    module: module.name.clone(),
                    path: module.path.clone(),
                })
        });
        Self {
            places: places.collect(),
            read: Mutex::default(),
        }
    }

    /// The stack with the places of the sources in it, as far as they are known. Where it is not said which worker it is
    /// of, a module counts that only one of them has.
    pub(super) fn mapped(&self, worker: Option<&str>, stack: &str) -> String {
        let lines = stack.split('\n');
        let mapped = lines.map(|line| self.line(worker, line).unwrap_or_else(|| line.to_owned()));
        mapped.collect::<Vec<_>>().join("\n")
    }

    /// `    at f (lib.js:1:30)` or `    at lib.js:1:30`.
    fn line(&self, worker: Option<&str>, line: &str) -> Option<String> {
        let call = line.trim_start().strip_prefix("at ")?;
        let frame = match call.rsplit_once(" (") {
            Some((_, frame)) => frame.strip_suffix(')')?,
            None => call,
        };
        let (rest, column) = frame.rsplit_once(':')?;
        let (module, row) = rest.rsplit_once(':')?;
        let (row, column): (u32, u32) = (row.parse().ok()?, column.parse().ok()?);
        let place = self.place(worker, module)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let map = read
            .entry(place.path.clone())
            .or_insert_with(|| source_map(&place.path));
        let token = map
            .as_ref()?
            .lookup_token(row.checked_sub(1)?, column.checked_sub(1)?)?;
        let source = place.shown(token.get_source()?);
        let shown = format!(
            "{source}:{}:{}",
            token.get_src_line() + 1,
            token.get_src_col() + 1
        );
        Some(line.replace(frame, &shown))
    }

    fn place(&self, worker: Option<&str>, module: &str) -> Option<&Place> {
        // A worker in the old syntax is one script, which bears the worker's name.
        let mut meant = self.places.iter().filter(|place| {
            worker.is_none_or(|worker| worker == place.worker)
                && (place.module == module || place.worker == module)
        });
        match (meant.next(), meant.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

/// The map that a script names at its end, or the one beside it.
fn source_map(script: &Path) -> Option<SourceMap> {
    let text = std::fs::read_to_string(script).ok()?;
    let named = text
        .rsplit_once("//# sourceMappingURL=")
        .map(|(_, named)| named.trim());
    let decoded = match named {
        Some(data) if data.starts_with("data:") => decode_data_url(data),
        named => {
            // Only a file of the worker's own folder: a script may name anything.
            let named = named.filter(|named| Path::new(named).components().count() == 1);
            let beside = format!("{}.map", script.file_name()?.to_string_lossy());
            let mut names = named.into_iter().chain([beside.as_str()]);
            let map = names.find_map(|name| std::fs::read(script.with_file_name(name)).ok());
            decode_slice(&map?)
        }
    };
    match decoded.ok()? {
        DecodedMap::Regular(map) => Some(map),
        DecodedMap::Index(index) => index.flatten().ok(),
        _ => None,
    }
}

impl Place {
    /// A source as people name it: below the directory they are in, if it is there. Where the script does not lie under its
    /// own name, as one that was uploaded, its sources are elsewhere, and what leads up to them says nothing.
    fn shown(&self, source: &str) -> String {
        if source.contains("://") {
            return source.to_owned();
        }
        let lies_as_named = self.path.file_name() == Path::new(&self.module).file_name();
        let folder = self.path.parent().filter(|_| lies_as_named);
        let mut path = PathBuf::new();
        for part in folder.unwrap_or(Path::new("")).join(source).components() {
            match part {
                Component::ParentDir => {
                    path.pop();
                }
                Component::CurDir => {}
                other => path.push(other),
            }
        }
        let here = std::env::current_dir().unwrap_or_default();
        let below = path.strip_prefix(&here).unwrap_or(&path);
        below.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `index.js`, one line: column 1 is line 1 of `src/a.ts`, column 11 is line 3, column 5.
    const MAP: &str =
        r#"{"version":3,"sources":["../src/a.ts"],"names":[],"mappings":"AAAA,UAEI"}"#;

    fn maps(folder: &Path, end: &str) -> SourceMaps {
        std::fs::create_dir_all(folder.join("dist")).unwrap();
        let place = |worker: &str, module: &str| {
            let path = folder.join("dist").join(module);
            std::fs::write(&path, format!("export default {{}}\n{end}")).unwrap();
            Place {
                worker: worker.to_owned(),
                module: module.to_owned(),
                path,
            }
        };
        SourceMaps {
            places: vec![
                place("flow", "index.js"),
                place("flow", "lib.js"),
                place("other", "lib.js"),
            ],
            ..SourceMaps::default()
        }
    }

    #[rstest]
    #[case::in_a_function(
        None,
        "    at Object.fetch (index.js:1:12)",
        "    at Object.fetch (SRC/a.ts:3:5)"
    )]
    #[case::alone(None, "    at index.js:1:12", "    at SRC/a.ts:3:5")]
    #[case::the_old_syntax(None, "    at other:1:12", "    at SRC/a.ts:3:5")]
    #[case::of_two_workers(None, "    at lib.js:1:12", "    at lib.js:1:12")]
    #[case::of_the_one_that_threw(Some("flow"), "    at lib.js:1:12", "    at SRC/a.ts:3:5")]
    #[case::unknown(None, "    at node:internal:1:12", "    at node:internal:1:12")]
    #[case::no_frame(None, "Error: at index.js:1:12", "Error: at index.js:1:12")]
    fn frames_are_shown_where_the_sources_have_them(
        #[case] worker: Option<&str>,
        #[case] line: &str,
        #[case] expected: &str,
    ) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dist")).unwrap();
        for module in ["index.js", "lib.js"] {
            std::fs::write(folder.path().join(format!("dist/{module}.map")), MAP).unwrap();
        }
        let maps = maps(folder.path(), "");
        let source = folder.path().join("src").display().to_string();
        assert_eq!(maps.mapped(worker, line), expected.replace("SRC", &source));
    }

    #[test]
    fn the_sources_of_a_script_that_was_uploaded_are_named_without_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0");
        std::fs::write(
            &path,
            "export default {}\n//# sourceMappingURL=index.js.map",
        )
        .unwrap();
        std::fs::write(path.with_extension("map"), MAP).unwrap();
        let maps = SourceMaps {
            places: vec![Place {
                worker: "flow".to_owned(),
                module: "index.js".to_owned(),
                path,
            }],
            ..SourceMaps::default()
        };
        let mapped = maps.mapped(None, "    at index.js:1:12");
        assert_eq!(mapped, "    at src/a.ts:3:5");
    }

    #[rstest]
    #[case::outside_of_the_folder("//# sourceMappingURL=../../../etc/passwd")]
    #[case::broken("//# sourceMappingURL=data:application/json;base64,e30")]
    #[case::none("")]
    fn a_stack_without_a_map_stays_as_it_is(#[case] end: &str) {
        let folder = tempfile::tempdir().unwrap();
        let maps = maps(folder.path(), end);
        let stack = "Error: no\n    at index.js:1:12";
        assert_eq!(maps.mapped(None, stack), stack);
    }
}
