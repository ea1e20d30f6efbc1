//! The agent's loader: what the CDN says is for every visitor, so no visitor has a say in it.

use rstest::rstest;

use crate::world::{World, response};

#[tokio::test]
async fn the_cdn_hears_nothing_of_the_visitor_but_the_query() {
    let world = World::start(&[], |_| None).await;
    let lines = "cookie: session=1\nauthorization: Bearer visitor\nrange: bytes=0-1\n\
                 if-none-match: \"v1\"\nif-modified-since: Thu, 26 Nov 2026 00:00:00 GMT\n\
                 accept: text/html\nx-forwarded-host: evil.example\nx-http-method-override: DELETE\n\
                 origin: https://evil.example\nfp-data: signals";
    let got = world
        .send("GET", "https://shop.example/fp/loader.js?v=1", lines, "")
        .await;
    assert_eq!(got.status, 200, "{got:?}");
    let asked = world.asked_once("cdn.example");
    assert!(asked.url.contains("?v=1&"), "{}", asked.url);
    for line in lines.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        let sent = asked.headers.get(name).map(|sent| sent.to_str().unwrap());
        assert_ne!(sent, Some(value), "{name}");
    }
    let visitor = ["user-agent", "cf-connecting-ip", "cf-ray"];
    assert!(
        visitor
            .iter()
            .all(|name| !asked.headers.contains_key(*name))
    );
}

#[rstest]
#[case::a_post("POST")]
#[case::a_head("HEAD")]
#[tokio::test]
async fn the_cdn_is_only_ever_asked_with_get(#[case] method: &str) {
    let world = World::start(&[], |_| None).await;
    world
        .send(method, "https://shop.example/fp/loader.js", "", "")
        .await;
    let asked = world.asked_of("cdn.example");
    assert!(asked.iter().all(|asked| asked.method == "GET"), "{asked:?}");
}

#[rstest]
#[tokio::test]
async fn browsers_keep_no_error_of_the_cdn(
    #[values(302, 400, 403, 404, 500, 503)] status: u16,
    #[values(None, Some("public, max-age=31536000"))] said: Option<&'static str>,
) {
    let world = World::start(&[], move |asked| {
        let fields: Vec<_> = said
            .map(|said| ("cache-control", said))
            .into_iter()
            .collect();
        asked
            .url
            .contains("cdn.example")
            .then(|| response(status, &fields, ""))
    })
    .await;
    let got = world
        .send("GET", "https://shop.example/fp/loader.js", "", "")
        .await;
    assert_eq!(got.status, status);
    assert_eq!(got.header("cache-control"), Some("no-store"));
}
