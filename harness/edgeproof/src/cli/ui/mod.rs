//! `edgeproof run --ui`: the scenarios in a page of this machine, where one runs them, all or one, and looks at each step.
//! A save runs again what ran last.

mod live;
mod shown;

use std::{collections::BTreeSet, future::pending, io::Write, path::PathBuf, sync::Arc};

use edgeproof_document::problem::TextStyle;
use edgeproof_origin::launch;
use edgeproof_scenario::load::{Case, Loaded};

pub(super) use self::shown::Shown;
use self::shown::Wish;
use super::{
    CliError, Context,
    interrupt::Interrupt,
    reading,
    run::{Options, with_worker},
    served::Server,
    watch::absolute,
};

/// Serves the page until Ctrl-C.
pub(super) async fn ui(
    context: &Context,
    options: &Options,
    apps: &launch::Pool,
) -> Result<u8, CliError> {
    let mut interrupt = Interrupt::listen()?;
    let (shown, wishes) = Shown::new(options.in_words());
    let server = Server::open(Arc::clone(&shown)).await?;
    writeln!(
        anstream::stdout(),
        "The scenarios, for you alone:\n  {}\n\nPress Ctrl-C to stop.",
        server.url()
    )?;
    let mut runs = Runs {
        context,
        options,
        apps,
        shown,
        wishes,
        last: BTreeSet::new(),
        saved: BTreeSet::new(),
        left: BTreeSet::new(),
    };
    let ended = tokio::select! {
        ended = runs.follow() => ended,
        ended = interrupt.pressed() => ended,
    };
    server.close().await;
    Err(ended)
}

/// What runs, and what somebody wishes to run.
struct Runs<'a> {
    context: &'a Context,
    options: &'a Options,
    apps: &'a launch::Pool,
    shown: Arc<Shown>,
    wishes: tokio::sync::mpsc::UnboundedReceiver<Wish>,
    /// The cases that ran last.
    last: BTreeSet<String>,
    /// The files that were saved.
    saved: BTreeSet<PathBuf>,
    /// The cases that a save has ended.
    left: BTreeSet<String>,
}

impl Runs<'_> {
    /// Runs what is wished for and what is saved, for ever.
    async fn follow(&mut self) -> CliError {
        loop {
            // A save is a change from before the files are read on.
            let known = self.options.watched();
            let earlier = known.snapshot();
            let mut watched = self.options.watched();
            let loaded = self.options.reading().load(self.options.paths());
            let cases = match loaded {
                Ok(loaded) => {
                    watched.add(&loaded);
                    let broken: BTreeSet<PathBuf> = loaded
                        .broken
                        .iter()
                        .map(|broken| absolute(&broken.file))
                        .collect();
                    let cases = self.selected(loaded);
                    let saved = std::mem::take(&mut self.saved);
                    self.run_again(saved.difference(&broken), &cases);
                    cases
                }
                Err(error) => {
                    self.shown.load(&[], Some(error.text(TextStyle::PLAIN)));
                    Vec::new()
                }
            };
            let before = watched.snapshot_since(&known, earlier);
            loop {
                let files = &before;
                // What an app wrote during a run is no save.
                let before = watched.with_apps(files.clone());
                tokio::select! {
                    wish = self.wishes.recv() => match wish {
                        Some(Wish::Run(names)) => {
                            let saved = watched.save(files);
                            if let Err(error) = self.run(&cases, names, saved).await {
                                return error;
                            }
                        }
                        // Nothing runs.
                        Some(Wish::Stop) => {}
                        None => return CliError::Interrupted,
                    },
                    changed = watched.change(&before) => {
                        watched.end_changed_apps(self.apps, &changed).await;
                        self.saved = changed.iter().map(|path| absolute(path)).collect();
                        break;
                    }
                }
            }
        }
    }

    /// The cases that are meant; what is wrong with other files is shown beside them.
    fn selected(&self, loaded: Loaded) -> Vec<Case> {
        let selection = self.options.selection();
        let Loaded {
            mut cases,
            mut broken,
        } = loaded;
        cases.retain(|case| selection.includes(case));
        broken.retain(|broken| selection.may_include(broken));
        let problem = (!broken.is_empty()).then(|| {
            let error = reading::mistakes(broken);
            error.text(TextStyle::PLAIN)
        });
        self.shown.load(&cases, problem);
        cases
    }

    /// Runs these, or all where none is named, until something is saved that is to be run.
    async fn run(
        &mut self,
        cases: &[Case],
        names: BTreeSet<String>,
        saved: impl Future<Output = BTreeSet<PathBuf>>,
    ) -> Result<(), CliError> {
        let is_meant = |case: &&Case| names.is_empty() || names.contains(&case.name);
        let meant: Vec<Case> = cases.iter().filter(is_meant).cloned().collect();
        if meant.is_empty() {
            return Ok(());
        }
        self.last = meant.iter().map(|case| case.name.clone()).collect();
        self.shown.begins(&self.last);
        let shown = Arc::clone(&self.shown);
        let worker = self.options.worker().cloned();
        let running = with_worker(
            self.context,
            self.options,
            self.apps,
            meant,
            worker,
            Some(Arc::clone(&shown)),
        );
        // What is wished for meanwhile comes after it.
        let mut next = Vec::new();
        let mut is_saved = false;
        let saved = async {
            saved.await;
            if !shown.is_watching() {
                pending::<()>().await;
            }
        };
        let done = {
            tokio::pin!(running, saved);
            loop {
                tokio::select! {
                    done = &mut running => break done.map(drop),
                    () = &mut saved => {
                        is_saved = true;
                        break Ok(());
                    }
                    wish = self.wishes.recv() => match wish {
                        // What runs ends with it.
                        Some(Wish::Stop) => {
                            next.clear();
                            break Ok(());
                        }
                        Some(Wish::Run(names)) => next.push(names),
                        None => break Err(CliError::Interrupted),
                    },
                }
            }
        };
        self.apps.end_unused().await;
        let left = shown.ended();
        if is_saved {
            self.left = left;
        }
        next.into_iter()
            .for_each(|names| shown.wish(Wish::Run(names)));
        match done {
            Err(CliError::Interrupted) => Err(CliError::Interrupted),
            Err(error) => {
                shown.say(Some(error.text(TextStyle::PLAIN)));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Files were saved: of a scenario its cases are run again, of anything else what ran last; and what that has ended.
    fn run_again<'a>(&mut self, saved: impl Iterator<Item = &'a PathBuf>, cases: &[Case]) {
        let mut names = std::mem::take(&mut self.left);
        for saved in saved {
            let of_file = cases.iter().filter(|case| absolute(&case.file) == *saved);
            let mut of_file = of_file.map(|case| case.name.clone()).peekable();
            match of_file.peek() {
                None => names.extend(self.last.iter().cloned()),
                Some(_) => names.extend(of_file),
            }
        }
        if self.shown.is_watching() && !names.is_empty() {
            self.shown.wish(Wish::Run(names));
        }
    }
}
