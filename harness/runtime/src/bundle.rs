//! A worker as it is deployed: a directory with a main module, and what it imports.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use edgeproof_ground::process::ScratchDirectory;

/// The modules of one worker, read from a directory.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// How the main module is written.
    pub syntax: Syntax,
    /// The modules; the main module is the first.
    pub modules: Vec<Module>,
    /// The folder with the modules, where it is to go when nobody needs them any more.
    pub folder: Option<Arc<ScratchDirectory>>,
}

/// How a worker's main module is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// An ES module with a default export.
    Module,
    /// A script that calls `addEventListener("fetch", …)`.
    ServiceWorker,
}

/// One file of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The name other modules import it by: its path below the bundle's directory.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What an import of it yields.
    pub kind: ModuleKind,
}

/// What an import of a module yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// Its exports.
    EsModule,
    /// A `WebAssembly.Module`.
    Wasm,
    /// A string.
    Text,
    /// An `ArrayBuffer`.
    Data,
    /// What it assigns to `module.exports`.
    CommonJs,
    /// A value.
    Json,
}

/// Why a directory is not a worker.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It could not be read.
    #[error("the worker in {} could not be read", path.display())]
    Read {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A link out of the directory, or round in a circle.
    #[error(
        "{} is a link to {}, which is not in the worker's folder; put a copy of it there",
        link.display(), target.display()
    )]
    Link {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// No main module.
    #[error(
        "{} has no main module; add `index.js`, `worker.js`, `main.js` or a single .js or .mjs file",
        .0.display()
    )]
    NoMain(PathBuf),
}

/// Names a main module may have when there are several scripts, the usual first.
const MAIN_NAMES: [&str; 6] = [
    "index.js",
    "index.mjs",
    "worker.js",
    "worker.mjs",
    "main.js",
    "main.mjs",
];

impl Bundle {
    /// Reads the bundle in `directory`.
    ///
    /// # Errors
    /// When the directory cannot be read or holds no main module.
    pub fn read(directory: &Path) -> Result<Self, BundleError> {
        let read_error = |path: &Path| {
            let path = path.to_owned();
            move |source| BundleError::Read { path, source }
        };
        let directory = directory.canonicalize().map_err(read_error(directory))?;
        let mut modules = Self::files(&directory)?;
        let main = main_module(&modules).ok_or_else(|| BundleError::NoMain(directory.clone()))?;
        modules[..=main].rotate_right(1);
        Self::of_modules(modules)
    }

    /// The bundle of one script, which imports nothing.
    pub(super) fn of_file(main: &Path) -> Result<Self, BundleError> {
        let path = main.canonicalize().map_err(|source| BundleError::Read {
            path: main.to_owned(),
            source,
        })?;
        let name = path.file_name().unwrap_or_default();
        Self::of_modules(vec![Module {
            name: name.to_string_lossy().into_owned(),
            path,
            kind: ModuleKind::EsModule,
        }])
    }

    /// The bundle of a script and of every file below `folder` that is a module of a kind.
    pub(super) fn of_files(
        folder: &Path,
        main: &Path,
        kind: impl Fn(&Path) -> Option<ModuleKind>,
    ) -> Result<Self, BundleError> {
        let real = |path: &Path| {
            let path = if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            };
            path.canonicalize().map_err(|source| BundleError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let (folder, main) = (real(folder)?, real(main)?);
        let mut modules = vec![Module {
            name: name_below(&folder, &main),
            path: main.clone(),
            kind: ModuleKind::EsModule,
        }];
        let mut others = Vec::new();
        collect(&folder, &folder, &kind, &mut others)?;
        others.sort_by(|a, b| a.name.cmp(&b.name));
        others.retain(|module| module.path != main);
        modules.extend(others);
        Self::of_modules(modules)
    }

    /// Every module below a directory, by name.
    pub(super) fn files(directory: &Path) -> Result<Vec<Module>, BundleError> {
        let mut modules = Vec::new();
        collect(directory, directory, &usual_kind, &mut modules)?;
        modules.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(modules)
    }

    /// The bundle of these modules, of which the first is the main one.
    pub(super) fn of_modules(modules: Vec<Module>) -> Result<Self, BundleError> {
        let source = match modules.first() {
            Some(main) => {
                std::fs::read_to_string(&main.path).map_err(|source| BundleError::Read {
                    path: main.path.clone(),
                    source,
                })?
            }
            None => String::new(),
        };
        Ok(Self {
            syntax: syntax(&source),
            modules,
            folder: None,
        })
    }
}

/// What a module is called: its path below the worker's folder, with slashes.
fn name_below(folder: &Path, path: &Path) -> String {
    let name = path.strip_prefix(folder).unwrap_or(path);
    name.to_string_lossy().into_owned()
}

/// What a link leads to becomes a part of the worker, and goes to Cloudflare with it: nothing outside of its directory may.
fn collect(
    root: &Path,
    directory: &Path,
    kind_of: &dyn Fn(&Path) -> Option<ModuleKind>,
    modules: &mut Vec<Module>,
) -> Result<(), BundleError> {
    let read_error = |path: &Path| {
        let path = path.to_owned();
        move |source| BundleError::Read { path, source }
    };
    for entry in std::fs::read_dir(directory).map_err(read_error(directory))? {
        let entry = entry.map_err(read_error(directory))?;
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let name = path.strip_prefix(root).unwrap_or(&path);
        if NO_CODE.iter().any(|skipped| name.ends_with(skipped)) {
            continue;
        }
        let kind = kind_of(name);
        if is_link && (kind.is_some() || path.is_dir()) {
            let target = path.canonicalize().map_err(read_error(&path))?;
            if !target.starts_with(root) || directory.starts_with(&target) {
                return Err(BundleError::Link { link: path, target });
            }
        }
        if path.is_dir() {
            collect(root, &path, kind_of, modules)?;
        } else if let Some(kind) = kind {
            modules.push(Module {
                name: name_below(root, &path),
                path,
                kind,
            });
        }
    }
    Ok(())
}

/// Folders without modules of the worker.
const NO_CODE: [&str; 3] = ["node_modules", ".git", ".wrangler"];

/// Files of other kinds (source maps, package.json, a README) are no modules.
fn usual_kind(path: &Path) -> Option<ModuleKind> {
    match path.extension()?.to_str()? {
        "js" | "mjs" => Some(ModuleKind::EsModule),
        "wasm" => Some(ModuleKind::Wasm),
        "txt" | "html" => Some(ModuleKind::Text),
        "bin" => Some(ModuleKind::Data),
        _ => None,
    }
}

fn main_module(modules: &[Module]) -> Option<usize> {
    let named = |name: &&str| modules.iter().position(|module| module.name == *name);
    MAIN_NAMES.iter().find_map(named).or_else(|| {
        let mut scripts = modules
            .iter()
            .enumerate()
            .filter(|(_, module)| module.kind == ModuleKind::EsModule);
        match (scripts.next(), scripts.next()) {
            (Some((only, _)), None) => Some(only),
            _ => None,
        }
    })
}

/// A worker without any `export` statement that listens for `fetch` is of the old syntax. The words are
/// looked for where a statement may start, so a string that mentions them does not decide.
fn syntax(source: &str) -> Syntax {
    let statements = source.split(['\n', ';', '}']).map(str::trim_start);
    let mut listens = false;
    for statement in statements {
        if let Some(rest) = statement.strip_prefix("export")
            && rest.starts_with(|next: char| next.is_whitespace() || next == '{' || next == '*')
        {
            return Syntax::Module;
        }
        listens |= statement.contains("addEventListener(");
    }
    if listens {
        Syntax::ServiceWorker
    } else {
        Syntax::Module
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("export default { fetch() {} }", Syntax::Module)]
    #[case("var a=1;export{a as default};", Syntax::Module)]
    #[case("function f(){}export default{fetch:f}", Syntax::Module)]
    #[case(
        "addEventListener('fetch', e => e.respondWith(fetch(e.request)))",
        Syntax::ServiceWorker
    )]
    #[case(
        "self.addEventListener('fetch', handle); const s = 'export default';",
        Syntax::ServiceWorker
    )]
    fn the_syntax_is_read_from_the_main_module(#[case] source: &str, #[case] expected: Syntax) {
        assert_eq!(syntax(source), expected);
    }

    fn directory(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "export default {}").unwrap();
        }
        directory
    }

    #[rstest]
    #[case(&["index.js", "index_bg.wasm", "package.json"], &["index.js", "index_bg.wasm"])]
    #[case(&["shim.mjs", "a.wasm"], &["shim.mjs", "a.wasm"])]
    #[case(&["lib/util.js", "worker.js"], &["worker.js", "lib/util.js"])]
    fn the_main_module_comes_first(#[case] files: &[&str], #[case] expected: &[&str]) {
        let directory = directory(files);
        let bundle = Bundle::read(directory.path()).unwrap();
        let names: Vec<_> = bundle.modules.iter().map(|module| &module.name).collect();
        assert_eq!(names, expected);
    }

    #[rstest]
    #[case::to_a_file("secret.txt", "../outside/secret.txt", false)]
    #[case::to_a_folder("lib", "../outside", false)]
    #[case::through_another_link("lib", "own/../../outside", false)]
    #[case::in_a_circle("lib", ".", false)]
    #[case::to_a_file_of_its_own("copy.js", "own/util.js", true)]
    #[case::to_a_folder_of_its_own("lib", "own", true)]
    #[case::to_what_is_no_module("README.md", "../outside/secret.md", true)]
    fn a_link_leads_nowhere_but_into_the_folder(
        #[case] link: &str,
        #[case] target: &str,
        #[case] is_fine: bool,
    ) {
        let directory = directory(&[
            "worker/index.js",
            "worker/own/util.js",
            "outside/secret.txt",
            "outside/secret.md",
        ]);
        let worker = directory.path().join("worker");
        std::os::unix::fs::symlink(target, worker.join(link)).unwrap();
        match Bundle::read(&worker) {
            Ok(bundle) => assert!(
                is_fine
                    && bundle
                        .modules
                        .iter()
                        .all(|module| !module.name.contains("secret")),
                "{bundle:?}"
            ),
            Err(BundleError::Link { link: named, .. }) => {
                assert!(!is_fine && named.ends_with(link), "{}", named.display());
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn several_scripts_without_a_usual_name_are_refused() {
        let directory = directory(&["a.js", "b.js"]);
        assert!(matches!(
            Bundle::read(directory.path()),
            Err(BundleError::NoMain(_))
        ));
    }
}
