//! An app that ends in the middle, and what is told of it.

use std::sync::Arc;

use edgeproof_ground::body;
use edgeproof_origin::{Origin, launch::Stage};
use edgeproof_run::record::{CaseRecord, Failure, Verdict};

use crate::world::{World, all_passed, is_alive, until_dead};

const DIE: &str = "  - request: GET https://shop.example/\n  \
                   - request: GET https://shop.example/die\n    expect: { status: 200 }\n";

fn failures(record: &CaseRecord) -> &[Failure] {
    match &record.verdict {
        Verdict::Failed(failures) => failures,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_app_that_dies_in_the_middle_fails_the_scenario_with_the_cause() {
    let world = World::new();
    world.scenario(
        "a",
        "{ run: 'trap : EXIT; node app.js', env: { API_KEY: sk_live_1 } }",
        DIE,
    );
    let records = world.run().await;
    let failures = failures(&records[0]);
    assert_eq!(failures.len(), 2, "{failures:#?}");
    assert_eq!(
        failures[0].claim,
        "expected `trap : EXIT; node app.js` to run until the scenario is over"
    );
    assert!(
        failures[0]
            .actual
            .starts_with("it ended with exit status 7 at "),
        "{failures:#?}"
    );
    assert!(failures[0].excerpt.is_some());
    let to_origin = failures[1]
        .journey
        .iter()
        .find(|hop| hop.to == "origin")
        .unwrap();
    let decision = to_origin.decision.as_deref().unwrap();
    assert!(
        decision.starts_with("the application at http://127.0.0.1:"),
        "{decision}"
    );
    // What it printed meanwhile is kept for the reports, without its secret.
    let printed: Vec<&str> = records[0].apps[0]
        .printed
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    assert!(printed.contains(&"GET / as [redacted]"), "{printed:?}");
    assert!(printed.contains(&"out of cheese"), "{printed:?}");
}

#[tokio::test]
async fn a_failure_of_an_app_that_has_died_before_tells_how() {
    let world = World::new();
    let steps = "  - request: GET https://shop.example/\n";
    world.scenario(
        "a",
        "{ run: exec node app.js, start: each_scenario }",
        steps,
    );
    let cases = edgeproof_scenario::load::load_file(&world.folder.path().join("a.yaml")).unwrap();
    let app = cases[0].scenario.given.zones["shop.example"].hosts["shop.example"]
        .app
        .clone();
    let app = app.unwrap();
    let process = world.apps.lend(app.launch.as_ref().unwrap()).await.unwrap();
    let origin = Origin::started(&app, Arc::clone(&process)).unwrap();
    let ask = |path: &str| {
        let url = format!("http://shop.example{path}");
        origin.response(http::Request::get(url).body(body::empty()).unwrap())
    };
    assert!(ask("/die").await.is_err());
    process.ended().await;
    let cause = ask("/").await.unwrap_err().cause;
    for told in [
        "the application at http://127.0.0.1:",
        "ended with exit status 7 at",
        "out of cheese",
    ] {
        assert!(cause.contains(told), "{cause}");
    }
}

#[tokio::test]
async fn the_visitor_does_not_wait_for_the_end_of_an_app_that_stays() {
    let world = World::new();
    let drop = "  - request: GET https://shop.example/drop\n    expect: { status: 520 }\n";
    world.scenario("a", "{ run: node app.js }", &drop.repeat(10));
    let started = std::time::Instant::now();
    all_passed(&world.run().await);
    // Waiting for an end takes two seconds each time.
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    world.apps.end().await;
}

#[tokio::test]
async fn whoever_watches_is_told_of_an_end_when_it_happens() {
    let world = World::new();
    let (told, mut stages) = tokio::sync::mpsc::unbounded_channel();
    let watched = World {
        apps: world.apps.clone().telling(move |stage| {
            let _ = told.send(stage.clone());
        }),
        folder: world.folder,
    };
    watched.scenario("a", "{ run: exec node app.js }", DIE);
    watched.run().await;
    let obituary = loop {
        if let Stage::Ended { obituary } = stages.recv().await.unwrap() {
            break obituary;
        }
    };
    assert!(
        obituary.starts_with("`exec node app.js` ended with exit status 7 at ")
            && obituary.ends_with("out of cheese"),
        "{obituary}"
    );
}

#[tokio::test]
async fn an_app_that_has_died_is_started_again_for_the_next_scenario() {
    let world = World::new();
    let app = "{ run: exec node app.js }";
    world.scenario("a", app, DIE);
    world.scenario("b", app, DIE);
    let records = world.run().await;
    assert!(
        records
            .iter()
            .all(|record| matches!(record.verdict, Verdict::Failed(_)))
    );
    std::fs::remove_file(world.folder.path().join("b.yaml")).unwrap();
    world.scenario(
        "a",
        app,
        "  - request: GET https://shop.example/\n    expect: { status: 200 }\n",
    );
    all_passed(&world.run().await);
    world.apps.end().await;
}

#[tokio::test]
async fn a_scenario_has_what_its_app_printed_meanwhile_and_not_before() {
    let world = World::new();
    let app = "{ run: node app.js }";
    world.scenario("a", app, "  - request: GET https://shop.example/first\n");
    world.run().await;
    std::fs::remove_file(world.folder.path().join("a.yaml")).unwrap();
    world.scenario("b", app, "  - request: GET https://shop.example/second\n");
    let records = world.run().await;
    let printed: Vec<&str> = records[0].apps[0]
        .printed
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(printed, ["GET /second as undefined"]);
    world.apps.end().await;
}

#[tokio::test]
async fn everything_that_npm_started_ends_with_the_run() {
    let world = World::new();
    let package = r#"{ "scripts": { "start": "node tree.js" } }"#;
    std::fs::write(world.folder.path().join("package.json"), package).unwrap();
    // A worker that left the group, as daemons do.
    let tree = "const { spawn } = require('child_process'), fs = require('fs');
        const worker = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
        fs.appendFileSync('starts', worker.pid + '\\n');
        require('./app.js');";
    std::fs::write(world.folder.path().join("tree.js"), tree).unwrap();
    world.scenario(
        "a",
        "{ run: npm start }",
        "  - request: GET https://shop.example/\n    expect: { status: 200 }\n",
    );
    all_passed(&world.run().await);
    let starts = world.starts();
    assert_eq!(starts.len(), 2);
    assert!(starts.iter().all(|id| is_alive(*id)));
    world.apps.end().await;
    assert!(starts.iter().all(|id| !is_alive(*id)), "{starts:?}");
    // The same where nobody waits for it.
    let world = World::new();
    world.scenario(
        "a",
        "{ run: node app.js }",
        "  - request: GET https://shop.example/\n",
    );
    world.run().await;
    let starts = world.starts();
    drop(world);
    until_dead(&starts);
}
