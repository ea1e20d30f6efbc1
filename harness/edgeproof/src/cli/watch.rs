//! Waits until something that scenarios are made of changes.

use std::{path::PathBuf, time::Duration};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Editors write a file in several steps; what comes this soon after a change belongs to it.
const SETTLE: Duration = Duration::from_millis(100);

/// Watches files and folders, those below included.
pub(super) struct Changes {
    changed: mpsc::UnboundedReceiver<PathBuf>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Starts to watch these; one that is not there is passed over.
    ///
    /// # Errors
    /// When the system cannot watch files.
    pub(super) fn of(paths: &[PathBuf]) -> notify::Result<Self> {
        let (sender, changed) = mpsc::unbounded_channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let Ok(event) = event else { return };
                if matches!(
                    event.kind,
                    EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
                ) {
                    for path in event.paths {
                        // Nobody waits any more when the receiver is gone.
                        let _ = sender.send(path);
                    }
                }
            })?;
        for path in paths.iter().filter(|path| path.exists()) {
            watcher.watch(path, RecursiveMode::Recursive)?;
        }
        Ok(Self {
            changed,
            _watcher: watcher,
        })
    }

    /// The first thing that changes, once everything has settled. None where the system stopped watching.
    pub(super) async fn next(&mut self) -> Option<PathBuf> {
        let first = self.changed.recv().await?;
        while let Ok(Some(_)) = tokio::time::timeout(SETTLE, self.changed.recv()).await {}
        Some(first)
    }

    /// Forgets what has changed so far.
    pub(super) fn forget(&mut self) {
        while self.changed.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_written_file_is_one_change_however_often_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "1").unwrap();
        let absent = folder.path().join("absent");
        let mut changes = Changes::of(&[folder.path().to_owned(), absent]).unwrap();
        fs::write(&file, "2").unwrap();
        fs::write(&file, "3").unwrap();
        assert_eq!(changes.next().await.as_deref(), Some(file.as_path()));
        let again = tokio::time::timeout(SETTLE, changes.next()).await;
        assert!(again.is_err(), "{again:?}");
    }
}
