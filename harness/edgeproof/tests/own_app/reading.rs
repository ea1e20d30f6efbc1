//! What reading a file can say of an app that is to be started.

use std::{fs, path::Path};

use edgeproof_document::LoadError;
use edgeproof_scenario::load;
use rstest::rstest;

fn load(folder: &Path, file: &str) -> Result<Vec<load::Case>, String> {
    load::load_file(&folder.join(file)).map_err(|error| match error {
        LoadError::Mistakes(mistakes) => mistakes
            .iter()
            .map(|mistake| {
                let place = mistake.sources.place(mistake.problem.at).unwrap();
                format!(
                    "{}:{} {}\n",
                    place.line, place.column, mistake.problem.message
                )
            })
            .collect(),
        other => panic!("{other:?}"),
    })
}

fn of_app(app: &str) -> Result<Vec<load::Case>, String> {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "scenario: x\ngiven:\n  zones:\n    shop.example:\n      hosts:\n        shop.example:\n          app:\n{app}steps: []\n"
    );
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    load(folder.path(), "a.yaml").map_err(|text| text.replace(folder.path().to_str().unwrap(), ""))
}

#[rstest]
#[case::folder(
    "            run: npm start\n            in: none\n",
    "9:17 there is no folder `/none` for `npm start`\n"
)]
#[case::address(
    "            run: a\n            address: localhost:3000\n",
    "9:22 `localhost:3000` is not the address of an application, such as `http://127.0.0.1:3000`\n"
)]
#[case::ready(
    "            run: a\n            ready: https://shop.example/\n",
    "9:20 `https://shop.example/` cannot show whether the app is ready: write a URL with `http://` and a host of this machine, such as `http://127.0.0.1:$PORT/health`, or a text that the app prints\n"
)]
#[case::elsewhere(
    "            run: a\n            address: http://10.0.0.1:$PORT\n",
    "9:22 `http://10.0.0.1:$PORT` is not on this machine; to use it all the same, write `app: { address: \"http://10.0.0.1:$PORT\", allow: \"10.0.0.1\" }`\n"
)]
#[case::port(
    "            run: a\n            env: { A: b, PORT: '3000' }\n",
    "9:26 `PORT` is set by edgeproof, to the port in `address`: for a certain one write it there, such as `address: http://127.0.0.1:3000`\n"
)]
#[case::variable(
    "            run: a\n            env: { '': b }\n",
    "9:20 `` is no name of a variable: it is empty, or has `=` or the character NUL\n"
)]
#[case::command(
    "            run: ''\n",
    "8:18 `run` is without a command: write the one that starts the app, such as `npm start`\n"
)]
#[case::nul(
    "            run: a\n            env: { A: \"b\\0\" }\n",
    "9:23 a variable cannot have the character NUL\n"
)]
#[case::no_time(
    "            run: a\n            ready_within: 0s\n",
    "9:27 that leaves no time for the app to be ready: `60s` is what it has without `ready_within`\n"
)]
#[case::nothing(
    "            host: a\n",
    "8:13 an app needs `address`, where it listens, or `run`, the command that starts it\n"
)]
#[case::start(
    "            run: a\n            start: twice\n",
    "9:20 `twice` is not a start; use `once` or `each_scenario`\n"
)]
fn a_mistake_has_its_place(#[case] app: &str, #[case] mistake: &str) {
    match of_app(app) {
        Err(text) => assert!(
            text.ends_with(&mistake[mistake.find(' ').unwrap()..])
                && text.starts_with(mistake.split(' ').next().unwrap()),
            "{text}"
        ),
        Ok(_) => panic!("it reads"),
    }
}

/// A folder is seen from the file that says it, and without one it is that of the file with the command.
#[test]
fn a_folder_is_seen_from_the_file_that_says_it() {
    let folder = tempfile::tempdir().unwrap();
    for inner in ["scenarios/x", "scenarios/shop", "apps"] {
        fs::create_dir_all(folder.path().join(inner)).unwrap();
    }
    let file = |path: &str, app: &str, more: &str| {
        let text = format!(
            "{more}given: {{ zones: {{ shop.example: {{ hosts: {{ shop.example: {{ app: {{ {app} }} }} }} }} }} }}\n"
        );
        fs::write(folder.path().join(path), text).unwrap();
    };
    file("scenarios/_defaults.yaml", "run: npm start, in: shop", "");
    let whole = "scenario: x\nsteps: []\n";
    file("scenarios/x/a.yaml", "env: { A: b }", whole);
    file("scenarios/x/b.yaml", "in: ../../apps", whole);
    file("scenarios/x/_part.yaml", "run: other", "");
    fs::write(folder.path().join("x.yaml"), "").unwrap();
    file(
        "scenarios/x/c.yaml",
        "in: .",
        &format!("include: _part.yaml\n{whole}"),
    );
    let folder_of = |path: &str| {
        let cases = load(folder.path(), path).unwrap();
        let host = &cases[0].scenario.given.zones["shop.example"].hosts["shop.example"];
        let launch = host.app.as_ref().unwrap().launch.as_ref().unwrap();
        launch
            .folder
            .strip_prefix(folder.path())
            .unwrap()
            .to_owned()
    };
    assert_eq!(folder_of("scenarios/x/a.yaml"), Path::new("scenarios/shop"));
    assert_eq!(folder_of("scenarios/x/b.yaml"), Path::new("apps"));
    assert_eq!(folder_of("scenarios/x/c.yaml"), Path::new("scenarios/x"));
}

#[test]
fn two_apps_at_one_port_in_one_scenario_are_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let text = "scenario: x
given:
  zones:
    shop.example:
      hosts:
        shop.example: { app: { run: a, address: 'http://localhost:3000' } }
        api.shop.example: { app: { run: b, address: 'http://127.0.0.1:3000' } }
        www.shop.example: { app: { run: b, address: 'http://127.0.0.1:3000' } }
steps: []
";
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    assert_eq!(
        load(folder.path(), "a.yaml").unwrap_err(),
        "6:49 the app of `api.shop.example` uses port 3000 too, but is described differently\n"
    );
}
