//! An app that ends in the middle, and what is told of it.

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
        "`trap : EXIT; node app.js` runs until the scenario is over"
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
    for told in [
        "the application at http://127.0.0.1:",
        "ended with exit status 7 at",
        "out of cheese",
    ] {
        assert!(decision.contains(told), "{decision}");
    }
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
