//! A folder with an app and scenarios, and what comes of them.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use edgeproof_origin::launch::Pool;
use edgeproof_rig::Environment;
use edgeproof_run::{
    event::Event,
    execute::{ExecuteOptions, execute},
    record::{CaseRecord, Verdict},
    runner::{self, DEFAULT_LIMIT, RunOptions},
};
use edgeproof_scenario::load;
pub(crate) use edgeproof_test_support::wait::{is_alive, until_dead};

/// A server that notes each start, tells its environment, dies when it is asked to, and takes its time where it is told.
const APP: &str = r#"
const fs = require('fs'), http = require('http');
fs.appendFileSync(process.env.STARTS ?? 'starts', process.pid + '\n');
const server = http.createServer((request, response) => {
  if (request.url === '/die') { console.error('out of cheese'); process.exit(7); }
  if (request.url === '/drop') { request.socket.destroy(); return; }
  console.log(`${request.method} ${request.url} as ${process.env.API_KEY}`);
  response.setHeader('x-mode', process.env.MODE ?? 'none');
  response.setHeader('x-base', process.env.BASE ?? 'none');
  response.statusCode = request.url === '/health' ? 503 : 200;
  response.end('hello from ' + process.pid);
});
const address = process.env.AT ?? '127.0.0.1';
setTimeout(() => server.listen(process.env.PORT, address, () => console.log('listening on ' + process.env.PORT)),
  Number(process.env.WAIT ?? 0));
"#;

static ENVIRONMENT: LazyLock<Environment> =
    LazyLock::new(|| Environment::prepare(Some(&worker())).unwrap());

pub(crate) fn worker() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through")
}

/// The folder and the apps of one run.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) apps: Pool,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.js"), APP).unwrap();
        Self {
            folder,
            apps: Pool::default(),
        }
    }

    /// Writes a scenario with an app and steps.
    pub(crate) fn scenario(&self, name: &str, app: &str, steps: &str) {
        let text = format!(
            "scenario: {name}\ngiven:\n  zones: {{ shop.example: {{ hosts: {{ shop.example: {{ app: {app} }} }} }} }}\n\
             steps:\n{steps}"
        );
        let path = self.folder.path().join(format!("{name}.yaml"));
        fs::write(path, text).unwrap();
    }

    /// Runs the scenarios of the folder, two at a time.
    pub(crate) async fn run(&self) -> Vec<CaseRecord> {
        let files = load::find(&[self.folder.path().to_owned()]).unwrap();
        let cases = load::load(&files).unwrap_or_else(|error| panic!("{error:?}"));
        let environment = Arc::new(ENVIRONMENT.clone().with_apps(self.apps.clone()));
        let options = RunOptions {
            jobs: 2,
            fail_fast: false,
            retries: 0,
            limit: DEFAULT_LIMIT,
        };
        let mut records = Vec::new();
        let execute = move |case: Arc<load::Case>| {
            let environment = Arc::clone(&environment);
            let options = ExecuteOptions::within(DEFAULT_LIMIT);
            async move { execute(&case, &environment, options).await }
        };
        runner::run(cases, options, execute, |event| {
            if let Event::Finished(record) = event {
                records.push(record.as_ref().clone());
            }
        })
        .await;
        records
    }

    /// The process ids of the starts so far.
    pub(crate) fn starts(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.folder.path().join("starts")).unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }
}

pub(crate) fn all_passed(records: &[CaseRecord]) {
    for record in records {
        assert_eq!(record.verdict, Verdict::Passed, "{}", record.name);
    }
}

/// The message of the one case, which could not be judged.
pub(crate) fn error_of(records: &[CaseRecord]) -> &str {
    match records {
        [
            CaseRecord {
                verdict: Verdict::Error(message),
                ..
            },
        ] => message,
        other => panic!("{other:#?}"),
    }
}

/// A port at which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
