//! When an app is started, for whom, and what is said where it is not ready.

use edgeproof_run::record::Verdict;
use rstest::rstest;

use crate::world::{World, all_passed, error_of, free_port};

const OK: &str = "  - request: GET https://shop.example/\n    expect: { status: 200 }\n";

#[tokio::test]
async fn scenarios_that_say_the_same_share_an_app_that_is_started_once() {
    let world = World::new();
    for name in ["a", "b", "c", "d"] {
        world.scenario(name, "{ run: node app.js, env: { WAIT: '100' } }", OK);
    }
    all_passed(&world.run().await);
    assert_eq!(world.starts().len(), 1);
    // It stays for the next run, until nobody asks for it.
    all_passed(&world.run().await);
    world.apps.end_unused().await;
    assert_eq!(world.starts().len(), 1);
    for name in ["a", "b", "c", "d"] {
        world.scenario(name, "{ run: node app.js, env: { MODE: other } }", OK);
    }
    all_passed(&world.run().await);
    let starts = world.starts();
    assert_eq!(starts.len(), 2);
    world.apps.end_unused().await;
    assert_eq!(
        starts
            .iter()
            .map(|id| crate::world::is_alive(*id))
            .collect::<Vec<_>>(),
        [false, true]
    );
    world.apps.end().await;
    assert!(!crate::world::is_alive(starts[1]));
}

#[rstest]
#[case::at_a_free_port(None)]
#[case::at_the_same_port_one_after_another(Some(free_port()))]
#[tokio::test]
async fn a_scenario_may_have_an_app_of_its_own(#[case] port: Option<u16>) {
    let world = World::new();
    let address = port.map_or_else(String::new, |port| {
        format!(", address: 'http://localhost:{port}'")
    });
    for name in ["a", "b", "c"] {
        let app = format!("{{ run: node app.js, start: each_scenario{address} }}");
        world.scenario(name, &app, OK);
    }
    all_passed(&world.run().await);
    let starts = world.starts();
    assert_eq!(starts.len(), 3);
    assert!(starts.iter().all(|id| !crate::world::is_alive(*id)));
}

#[tokio::test]
async fn apps_that_differ_take_turns_at_one_port() {
    let world = World::new();
    let port = free_port();
    for (name, mode) in [("a", "one"), ("b", "two"), ("c", "one")] {
        let app = format!(
            "{{ run: node app.js, address: 'http://127.0.0.1:{port}', env: {{ MODE: {mode} }} }}"
        );
        let steps = format!(
            "{OK}  - request: GET https://shop.example/\n    expect: {{ headers: {{ x-mode: {mode} }} }}\n"
        );
        world.scenario(name, &app, &steps);
    }
    all_passed(&world.run().await);
    world.apps.end().await;
}

#[tokio::test]
async fn the_port_stands_in_command_address_environment_and_readiness() {
    let world = World::new();
    world.scenario(
        "a",
        "{ run: 'PORT=$PORT exec node app.js', address: 'http://localhost:$PORT/base', ready: 'listening on $PORT', \
         env: { BASE: 'at $PORT', AT: '::1' } }",
        "  - request: GET https://shop.example/\n    expect: { headers: { x-base: { matches: '^at \\d+$' } } }\n",
    );
    all_passed(&world.run().await);
    world.apps.end().await;
}

#[rstest]
#[case::that_gives_a_response_of_any_status("http://127.0.0.1:$PORT/health")]
#[case::that_prints_a_text("listening on")]
#[tokio::test]
async fn an_app_is_ready(#[case] ready: &str) {
    let world = World::new();
    let app = format!("{{ run: node app.js, ready: '{ready}', env: {{ WAIT: '200' }} }}");
    world.scenario("a", &app, OK);
    all_passed(&world.run().await);
    world.apps.end().await;
}

#[rstest]
#[case::that_ends(
    "{ run: 'echo no database >&2; exit 3' }",
    "`echo no database >&2; exit 3` in `FOLDER` ended with exit status 3 before it was ready; it printed:\n    no database"
)]
#[case::that_leaves_the_foreground(
    "{ run: 'node app.js > printed &' }",
    "`node app.js > printed &` in `FOLDER` ended with exit status 0 before it was ready; it printed nothing"
)]
#[case::that_is_killed(
    "{ run: 'kill -9 $$' }",
    "`kill -9 $$` in `FOLDER` was ended by signal 9 before it was ready; it printed nothing"
)]
#[case::that_never_listens(
    "{ run: 'echo waiting; exec sleep 600', ready: up, ready_within: 200ms }",
    "`echo waiting; exec sleep 600` in `FOLDER` was not ready within 200ms: it did not print `up`; an app that takes \
     longer says `ready_within:`; it printed:\n    waiting"
)]
#[case::whose_secret_is_told(
    "{ run: 'echo $API_KEY; exit 1', env: { API_KEY: sk_live_1 } }",
    "`echo $API_KEY; exit 1` in `FOLDER` ended with exit status 1 before it was ready; it printed:\n    [redacted]"
)]
#[tokio::test]
async fn an_app_that_is_not_ready_leaves_its_scenario_without_a_verdict(
    #[case] app: &str,
    #[case] message: &str,
) {
    let world = World::new();
    world.scenario("a", app, OK);
    let records = world.run().await;
    let folder = world.folder.path().display().to_string();
    assert_eq!(error_of(&records), message.replace("FOLDER", &folder));
}

#[tokio::test]
async fn an_app_that_does_not_start_is_tried_once_for_all_scenarios() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.scenario(name, "{ run: 'echo $$ >> starts; exit 1' }", OK);
    }
    world.run().await;
    assert_eq!(world.starts().len(), 1);
    // What was mended since is tried again.
    world.apps.end_unused().await;
    world.run().await;
    assert_eq!(world.starts().len(), 2);
}

#[tokio::test]
async fn somebody_elses_server_is_not_taken_for_the_app() {
    let world = World::new();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let app = format!("{{ run: node app.js, address: 'http://localhost:{port}' }}");
    world.scenario("a", &app, OK);
    assert_eq!(
        error_of(&world.run().await),
        format!(
            "something already listens at http://localhost:{port}, where `node app.js` is to listen; stop it, or leave \
             `run` out to use it"
        )
    );
    assert!(world.starts().is_empty());
}

#[rstest]
#[case::a_program("no-such-program", "is not on PATH: see the handbook")]
#[case::a_path("./no/such/file", "is not in `")]
#[tokio::test]
async fn an_app_without_what_it_needs_is_not_started_and_that_is_the_reason(
    #[case] what: &str,
    #[case] message: &str,
) {
    let world = World::new();
    let app = format!(
        "{{ run: node app.js, needs: {{ node: '', ./app.js: '', {what}: see the handbook }} }}"
    );
    world.scenario("a", &app, OK);
    let records = world.run().await;
    // Skipped on one's own machine; in CI nobody would notice.
    let reason = match (&records[0].verdict, std::env::var_os("CI")) {
        (Verdict::Skipped(reason), None) | (Verdict::Error(reason), Some(_)) => reason,
        (verdict, ci) => panic!("{verdict:?} where CI is {ci:?}"),
    };
    assert!(
        reason.contains(what) && reason.contains(message),
        "{reason}"
    );
    assert!(world.starts().is_empty());
}
