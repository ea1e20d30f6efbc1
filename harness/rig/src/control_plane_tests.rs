//! What is deployed on the control plane of a rig runs at its edge.

use std::time::Duration;

use bytes::Bytes;
use edgeproof_cloudflare::plane::{AccountSettings, stable_id};
use edgeproof_fingerprint as fingerprint;
use edgeproof_ground::{clock::Clock, time::Time, tools};
use edgeproof_test_support::operator::{Form, MODULE, Operator};
use http::Request;
use serde_json::json;

use super::{Description, Environment, Host, Rig, Visitor, Zone};

const ROUTES: &str = "/zones/{shop}/workers/routes";

async fn rig(cloudflare: AccountSettings, clock: &Clock) -> Rig {
    let worker = tools::home().join("fixtures/workers/pass-through");
    let environment = Environment::prepare(Some(&worker)).unwrap();
    let host = Host {
        site: Some("signup".to_owned()),
        ..Host::default()
    };
    let zone = Zone {
        hosts: [("shop.example".to_owned(), host)].into(),
        ..Zone::default()
    };
    let description = Description {
        zones: [("shop.example".to_owned(), zone)].into(),
        visitors: [("ann".to_owned(), Visitor::default())].into(),
        cloudflare: Some(cloudflare),
        fingerprint: fingerprint::PlatformSettings {
            clock: clock.clone(),
            ..fingerprint::PlatformSettings::default()
        },
        ..Description::default()
    };
    Rig::start(&environment, description).await.unwrap()
}

fn operator(rig: &Rig) -> Operator {
    let plane = rig.control_plane().unwrap();
    Operator::new(
        plane.base_url(),
        plane.token().reveal().to_owned(),
        [
            ("{a}", plane.account_id().to_owned()),
            ("{shop}", stable_id("zone", "shop.example")),
        ],
    )
}

/// What a visitor gets at this path, once everything that is due is at the edge.
async fn visit(rig: &Rig, path: &str) -> String {
    rig.settled().await.unwrap();
    let request = Request::get(format!("https://shop.example{path}"))
        .body(Bytes::new())
        .unwrap();
    let response = rig.client("ann").unwrap().send(request).await.unwrap();
    let body = response.into_body();
    String::from_utf8_lossy(&body).into_owned()
}

/// A script that says this, its variables and its secret.
fn saying(text: &str) -> Form {
    let mut form = Form::module(&json!({"bindings": [
        {"name": "TEXT", "type": "plain_text", "text": text},
        {"name": "DATA", "type": "json", "json": {"a": 1}},
        {"name": "SECRET", "type": "secret_text", "text": "s"},
    ]}));
    let code = "import { more } from './lib/more.js';
        export default { fetch: (request, env) => new Response(`${env.TEXT} ${env.DATA.a} ${env.SECRET} ${more}`) };";
    form.parts[0].2 = code.as_bytes().to_vec();
    let more = b"export const more = 'more';".to_vec();
    form.parts.push(("lib/more.js", MODULE, more));
    form
}

#[tokio::test]
async fn what_is_deployed_runs_at_the_edge_and_what_is_deleted_does_not() {
    let rig = rig(AccountSettings::default(), &Clock::default()).await;
    let operator = operator(&rig);
    let script = "/accounts/{a}/workers/scripts/hello";
    let origin = visit(&rig, "/hello").await;

    operator
        .upload("PUT", script, &saying("one"))
        .await
        .result();
    assert_eq!(visit(&rig, "/hello").await, origin);
    let route = json!({"pattern": "shop.example/hello*", "script": "hello"});
    operator.ask("POST", ROUTES, &route).await.result();
    assert_eq!(visit(&rig, "/hello").await, "one 1 s more");

    let none = json!({"pattern": "shop.example/hello/quiet"});
    operator.ask("POST", ROUTES, &none).await.result();
    assert_eq!(visit(&rig, "/hello/quiet").await, origin);

    operator
        .upload("PUT", script, &saying("two"))
        .await
        .result();
    assert_eq!(visit(&rig, "/hello").await, "two 1 s more");
    let secret = json!({"name": "SECRET", "text": "t", "type": "secret_text"});
    operator
        .ask("PUT", &format!("{script}/secrets"), &secret)
        .await
        .result();
    assert_eq!(visit(&rig, "/hello").await, "two 1 t more");

    operator.delete(script).await.result();
    assert_eq!(visit(&rig, "/hello").await, origin);
    rig.stop().await;
}

#[tokio::test]
async fn it_takes_the_delay_on_the_rigs_clock() {
    let clock = Clock::default();
    let delayed = AccountSettings {
        propagation_delay: Some(Time(Duration::from_secs(30))),
        ..AccountSettings::default()
    };
    let rig = rig(delayed, &clock).await;
    let operator = operator(&rig);
    let origin = visit(&rig, "/").await;
    let script = "/accounts/{a}/workers/scripts/hello";
    operator
        .upload("PUT", script, &saying("one"))
        .await
        .result();
    let route = json!({"pattern": "shop.example/*", "script": "hello"});
    operator.ask("POST", ROUTES, &route).await.result();
    clock.advance(Duration::from_secs(15));
    operator
        .upload("PUT", script, &saying("two"))
        .await
        .result();
    assert_eq!(visit(&rig, "/").await, origin);
    clock.advance(Duration::from_secs(15));
    assert_eq!(visit(&rig, "/").await, "one 1 s more");
    clock.advance(Duration::from_secs(15));
    assert_eq!(visit(&rig, "/").await, "two 1 s more");
    rig.stop().await;
}
