//! Waits until something that scenarios are made of changes.
//!
//! Files are compared with what they were when the run began, so a save in the middle of a run counts, however the editor
//! writes it, and what a run itself writes elsewhere does not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use edgeproof_ground::tools;
use edgeproof_origin::launch;
use edgeproof_scenario::{
    layers,
    load::{Case, Loaded},
    request::RequestBody,
    step::Action,
};

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(150);

/// Folders that programs fill, in which nobody edits; hidden ones are of the same kind.
const FILLED: [&str; 3] = ["node_modules", "target", "__pycache__"];

/// Files of a folder that are compared; a folder of more is no source of anything.
const MOST_FILES: usize = 50_000;

/// What is watched: files that are there or may turn up, and folders with everything below.
#[derive(Debug, Default)]
pub(super) struct Watched {
    paths: Vec<PathBuf>,
    /// Where the apps are that a run starts.
    apps: Vec<PathBuf>,
    /// What a run writes.
    written: Vec<PathBuf>,
}

/// How the files were at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Version>);

/// What tells one version of a file from the next.
type Version = (u64, i64, i64, u64);

impl Watched {
    /// These, and the fixtures of this repository.
    pub(super) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut watched = Self::default();
        watched.paths.push(tools::home().join("fixtures"));
        watched.paths.extend(paths);
        watched
    }

    /// Leaves out what a run writes.
    pub(super) fn without(mut self, written: impl IntoIterator<Item = PathBuf>) -> Self {
        let written = written.into_iter().map(|path| absolute(&path));
        self.written.extend(written);
        self
    }

    /// Adds everything that the scenarios were read from and run with.
    pub(super) fn add(&mut self, loaded: &Loaded) {
        for case in &loaded.cases {
            self.add_file(&case.file);
            self.paths.extend(case.sources.paths().map(Path::to_owned));
            self.add_case(case);
        }
        for broken in &loaded.broken {
            self.add_file(&broken.file);
            let sources = broken.mistakes.iter().map(|mistake| &mistake.sources);
            let paths = sources.flat_map(|sources| sources.paths().map(Path::to_owned));
            self.paths.extend(paths);
        }
    }

    fn add_file(&mut self, file: &Path) {
        self.paths.push(file.to_owned());
        self.paths.extend(layers::defaults_above(file));
    }

    fn add_case(&mut self, case: &Case) {
        let scenario = &case.scenario;
        let mut deployments: Vec<_> = scenario.given.deployments.values().collect();
        for step in &scenario.steps {
            match &step.action {
                Action::Set(change) => deployments.extend(change.deployments.values()),
                Action::Request(request) => {
                    if let Some(RequestBody::File(file)) = &request.body {
                        self.paths.push(file.clone());
                    }
                }
                _ => {}
            }
        }
        let workers = deployments
            .into_iter()
            .filter_map(|deployment| deployment.worker.as_ref());
        self.paths.extend(workers.map(PathBuf::from));
        let hosts = scenario
            .given
            .zones
            .values()
            .flat_map(|zone| zone.hosts.values());
        let launches = hosts.filter_map(|host| host.app.as_ref()?.launch.as_ref());
        self.apps
            .extend(launches.map(|launch| launch.folder.clone()));
    }

    /// How everything is now, but for the folders of apps.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut files = BTreeMap::new();
        for path in &self.paths {
            self.look(path, &mut files);
        }
        Snapshot(files)
    }

    /// The same, but what `known` watches is as it was earlier: a save since then is a change.
    pub(super) fn snapshot_since(&self, known: &Self, earlier: Snapshot) -> Snapshot {
        let mut snapshot = self.snapshot();
        let is_known = |path: &Path| known.paths.iter().any(|known| path.starts_with(known));
        snapshot.0.retain(|path, _| !is_known(path));
        snapshot.0.extend(earlier.0);
        snapshot
    }

    /// The same, and how the folders of apps are now: what an app writes there during a run is no save.
    pub(super) fn with_apps(&self, mut snapshot: Snapshot) -> Snapshot {
        let mut files = BTreeMap::new();
        for path in &self.apps {
            self.look(path, &mut files);
        }
        files.retain(|path, _| self.is_of_app(path));
        snapshot.0.extend(files);
        snapshot
    }

    /// The same, but for what an app may write.
    fn without_apps(&self, mut snapshot: Snapshot) -> Snapshot {
        let apps: Vec<PathBuf> = self.apps.iter().map(|path| absolute(path)).collect();
        let is_beside_app = |path: &Path| apps.iter().any(|app| absolute(path).starts_with(app));
        let is_of_app = |path: &Path| is_beside_app(path) && self.is_of_app(path);
        snapshot.0.retain(|path, _| !is_of_app(path));
        snapshot
    }

    /// Whether a file in the folder of an app is the app's: a scenario may lie beside it.
    fn is_of_app(&self, path: &Path) -> bool {
        let path = absolute(path);
        !self.paths.iter().any(|watched| absolute(watched) == path)
    }

    /// Ends the apps whose files these are: they are started anew.
    pub(super) async fn end_changed_apps(&self, apps: &launch::Pool, changed: &BTreeSet<PathBuf>) {
        for path in changed.iter().filter(|path| self.is_of_app(path)) {
            apps.end_changed(path).await;
        }
    }

    fn look(&self, path: &Path, files: &mut BTreeMap<PathBuf, Version>) {
        // What is not there, or may not be read, is told by the run.
        let Ok(found) = path.metadata() else { return };
        if files.len() >= MOST_FILES || files.contains_key(path) {
            return;
        }
        if !found.is_dir() {
            if !self.is_written(path) {
                files.insert(path.to_owned(), version(&found));
            }
            return;
        }
        for entry in path.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_filled = FILLED.iter().any(|filled| name == *filled)
                || name.as_encoded_bytes().starts_with(b".") && entry.path().is_dir();
            // A link may lead back up.
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let leads_elsewhere = is_link && entry.path().is_dir();
            if !(is_filled || leads_elsewhere) {
                self.look(&entry.path(), files);
            }
        }
    }

    fn is_written(&self, path: &Path) -> bool {
        std::path::absolute(path).is_ok_and(|path| self.written.contains(&path))
    }

    /// The files that are not as they were, once nothing changes any more: editors write a file in several steps, and several
    /// files at once. There is at least one.
    pub(super) async fn change(&self, before: &Snapshot) -> BTreeSet<PathBuf> {
        settled(before, || self.with_apps(self.snapshot())).await
    }

    /// The same during a run, in which apps write where they are.
    pub(super) async fn save(&self, before: &Snapshot) -> BTreeSet<PathBuf> {
        let before = self.without_apps(before.clone());
        settled(&before, || self.without_apps(self.snapshot())).await
    }
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

async fn settled(before: &Snapshot, look: impl Fn() -> Snapshot) -> BTreeSet<PathBuf> {
    let mut last = look();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = look();
        let changed = before.difference(&now);
        if now == last && !changed.is_empty() {
            return changed;
        }
        last = now;
    }
}

impl Snapshot {
    fn difference(&self, now: &Self) -> BTreeSet<PathBuf> {
        let paths = self.0.keys().chain(now.0.keys());
        let changed = paths.filter(|path| self.0.get(*path) != now.0.get(*path));
        changed.cloned().collect()
    }
}

fn version(found: &Metadata) -> Version {
    (found.ino(), found.mtime(), found.mtime_nsec(), found.len())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    fn written(path: &Path) {
        fs::write(path, "2").unwrap();
    }

    fn renamed_over(path: &Path) {
        let other = path.with_extension("new");
        fs::write(&other, "1").unwrap();
        fs::rename(&other, path).unwrap();
    }

    fn removed(path: &Path) {
        fs::remove_file(path).unwrap();
    }

    fn joined_by_another(path: &Path) {
        fs::write(path.with_file_name("_defaults.yaml"), "").unwrap();
    }

    #[rstest]
    #[case::in_place(written, "a.yaml")]
    #[case::atomically(renamed_over, "a.yaml")]
    #[case::gone(removed, "a.yaml")]
    #[case::new(joined_by_another, "_defaults.yaml")]
    #[tokio::test]
    async fn every_way_to_save_is_a_change(#[case] save: fn(&Path), #[case] changed: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "1").unwrap();
        let watched = Watched {
            paths: vec![file.clone(), folder.path().join("_defaults.yaml")],
            ..Watched::default()
        };
        let before = watched.snapshot();
        assert_eq!(watched.snapshot(), before);
        save(&file);
        let before = watched.snapshot_since(&watched, before);
        let changed = [folder.path().join(changed)];
        assert_eq!(watched.change(&before).await, changed.into());
    }

    #[tokio::test]
    async fn a_save_in_the_folder_of_an_app_is_a_change_and_what_it_writes_in_a_run_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".cache")).unwrap();
        let app = folder.path().join("server.js");
        fs::write(&app, "1").unwrap();
        let watched = Watched {
            apps: vec![folder.path().to_owned()],
            ..Watched::default()
        };
        let before = watched.snapshot();
        fs::write(folder.path().join("shop.db"), "rows").unwrap();
        let before = watched.with_apps(before);
        fs::write(folder.path().join(".cache/a"), "1").unwrap();
        fs::write(&app, "22").unwrap();
        assert_eq!(watched.change(&before).await, [app].into());
    }

    #[tokio::test]
    async fn a_save_ends_a_run_and_what_an_app_writes_beside_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let scenario = folder.path().join("a.yaml");
        fs::write(&scenario, "1").unwrap();
        let watched = Watched {
            paths: vec![folder.path().to_owned(), scenario.clone()],
            apps: vec![folder.path().to_owned()],
            ..Watched::default()
        };
        let before = watched.snapshot();
        fs::write(folder.path().join("shop.db"), "rows").unwrap();
        fs::write(&scenario, "22").unwrap();
        assert_eq!(watched.save(&before).await, [scenario].into());
    }

    #[tokio::test]
    async fn of_several_files_that_are_saved_at_once_each_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a.yaml", "b.yaml"].map(|name| folder.path().join(name));
        fs::write(&files[0], "1").unwrap();
        let watched = Watched {
            paths: vec![folder.path().to_owned()],
            ..Watched::default()
        };
        let before = watched.snapshot();
        for file in &files {
            fs::write(file, "22").unwrap();
        }
        assert_eq!(watched.change(&before).await, files.into());
    }

    #[test]
    fn what_a_run_writes_and_programs_fill_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("node_modules")).unwrap();
        let report = folder.path().join("report.html");
        let watched = Watched {
            paths: vec![folder.path().to_owned()],
            ..Watched::default()
        }
        .without([report.clone()]);
        let before = watched.snapshot();
        fs::write(&report, "1").unwrap();
        fs::write(folder.path().join("node_modules/a.js"), "1").unwrap();
        assert_eq!(watched.snapshot(), before);
    }
}
