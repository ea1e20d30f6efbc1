//! Calls that were picked of a trace.

use bytes::Bytes;
use edgeproof_record::{call, of_calls};
use http::Request;
use rstest::rstest;

use super::{pass_through, rig_of, run, shop};

#[rstest]
#[case::blocked(true, "status: 451")]
#[case::allowed(false, "status: 201")]
#[tokio::test]
async fn picked_calls_pass_at_once_and_fail_where_nothing_protects(
    #[case] vpn: bool,
    #[case] status: &str,
) {
    let (folder, file) = shop(vpn);
    let (world, rig) = rig_of(&file).await;
    rig.trace().keep_bodies();
    let visit = rig.browser("ann").await.unwrap();
    let limit = edgeproof_browser::DEFAULT_LIMIT;
    visit
        .visit("https://shop.example/signup", limit)
        .await
        .unwrap();
    visit.input(limit).click("#create").await.unwrap();
    let wanted = |call: &edgeproof_browser::BrowserCall| call.method == "POST";
    visit.call(0, "the call", limit, wanted).await.unwrap();
    // A program's, without signals.
    let request = Request::post("https://shop.example/api/create-account?token=t-1234567")
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    rig.client("ann").unwrap().send(request).await.unwrap();
    let calls = call::of_rig(&rig, |exchange| exchange.request.method == "POST");
    visit.leave().await.unwrap();
    rig.stop().await;

    let page = "https://shop.example/signup";
    let recording = of_calls(&world, "saved", "Saved", page, &[], &calls).unwrap();
    let saved = folder.path().join("saved.yaml");
    recording.write(&saved).unwrap();
    recording
        .check(&saved)
        .unwrap_or_else(|error| panic!("{error:?}\n{}", recording.text));
    let text = &recording.text;
    for expected in [
        status,
        "signals: { page: https://shop.example/signup }",
        "${env.TOKEN}",
        "${env.PASSWORD}",
        "status: 403",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(
        !text.contains("t-1234567") && !text.contains("correct horse"),
        "{text}"
    );
    let variables: Vec<(&str, &str)> = recording.hidden.values().collect();
    let (code, said) = run(folder.path(), &["saved.yaml"], &variables);
    assert_eq!(code, Some(0), "{said}\n{text}");
    let unprotected = ["saved.yaml", "--worker", &pass_through()];
    let (code, said) = run(folder.path(), &unprotected, &variables);
    assert_eq!(code, Some(1), "{said}\n{text}");
}
