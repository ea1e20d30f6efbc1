//! Executables in npm's packages.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{Tool, node_modules};

/// The version of the `workerd` package that edgeproof is made for: that of `ci/package.json`. Its second part is the
/// newest compatibility date it knows.
pub(super) const WORKERD: &str = "1.20261117.1";

/// Looks below the checkout, then in every `node_modules` from the working directory upwards, then from this
/// executable. A runtime older than the one edgeproof is made for, as another tool may have brought along, is passed by.
pub(super) fn find(tool: Tool) -> Option<PathBuf> {
    let from = [env::current_dir().ok(), env::current_exe().ok()];
    let above = from.iter().flatten().flat_map(|start| start.ancestors());
    let folders = above.map(|folder| folder.join("node_modules"));
    [node_modules()]
        .into_iter()
        .chain(folders)
        .find_map(|folder| in_packages(tool, &folder))
}

/// The package for this platform and the path of the executable in it.
fn package(tool: Tool) -> Option<(String, &'static str)> {
    let system = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let is_arm = cfg!(target_arch = "aarch64");
    match tool {
        Tool::Esbuild => {
            let processor = if is_arm { "arm64" } else { "x64" };
            Some((format!("@esbuild/{system}-{processor}"), "bin/esbuild"))
        }
        Tool::Workerd => {
            let processor = if is_arm { "arm64" } else { "64" };
            Some((
                format!("@cloudflare/workerd-{system}-{processor}"),
                "bin/workerd",
            ))
        }
        Tool::Chromium | Tool::Firefox => None,
    }
}

fn in_packages(tool: Tool, node_modules: &Path) -> Option<PathBuf> {
    let (name, executable) = package(tool)?;
    let package = node_modules.join(name);
    let executable = package.join(executable);
    (executable.is_file() && (tool != Tool::Workerd || is_new_enough(&package)))
        .then_some(executable)
}

/// Whether the package says a version that is not older than ours; one that says none is taken.
fn is_new_enough(package: &Path) -> bool {
    let said = std::fs::read(package.join("package.json")).ok();
    let said = said.and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
    let version = said.as_ref().and_then(|json| json["version"].as_str());
    version.is_none_or(|version| numbers(version) >= numbers(WORKERD))
}

/// The day of the runtime that edgeproof is made for, as the runtime itself writes it.
pub(super) fn made_for() -> String {
    let day = WORKERD.split('.').nth(1).unwrap_or_default();
    match (day.get(..4), day.get(4..6), day.get(6..)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => day.to_owned(),
    }
}

/// Whether a runtime that says this, such as `workerd 2026-11-17`, is older than ours; one that says no day is taken.
pub(super) fn is_older(said: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let mut words = said.split_whitespace();
    let day = words.find(|word| word.len() == 10 && digits(word) == 8);
    day.is_some_and(|day| day < made_for().as_str())
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    fn put(node_modules: &Path, tool: Tool, version: &str) -> PathBuf {
        let (name, executable) = package(tool).unwrap();
        let folder = node_modules.join(name);
        let executable = folder.join(executable);
        fs::create_dir_all(executable.parent().unwrap()).unwrap();
        fs::write(&executable, "").unwrap();
        let content = serde_json::json!({ "version": version }).to_string();
        fs::write(folder.join("package.json"), content).unwrap();
        executable
    }

    #[rstest]
    #[case(Tool::Esbuild, "0.1.0", true)]
    #[case(Tool::Workerd, WORKERD, true)]
    #[case(Tool::Workerd, "1.20991231.0", true)]
    #[case(Tool::Workerd, "1.20260101.0", false)]
    fn a_package_is_taken_unless_its_runtime_is_older_than_ours(
        #[case] tool: Tool,
        #[case] version: &str,
        #[case] is_taken: bool,
    ) {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(in_packages(tool, directory.path()), None);
        let executable = put(directory.path(), tool, version);
        let found = in_packages(tool, directory.path());
        assert_eq!(found, is_taken.then_some(executable));
    }

    #[rstest]
    #[case("workerd 2026-11-17", false)]
    #[case("workerd 2099-12-31", false)]
    #[case("workerd 2026-11-16", true)]
    #[case("workerd 2020-01-01", true)]
    #[case("a build of my own", false)]
    fn a_runtime_is_older_by_the_day_it_says(#[case] said: &str, #[case] expected: bool) {
        assert_eq!(is_older(said), expected);
    }

    #[test]
    fn the_version_of_the_runtime_is_that_of_the_package_file() {
        let file = node_modules().with_file_name("package.json");
        let json: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(json["dependencies"]["workerd"], WORKERD);
    }
}
