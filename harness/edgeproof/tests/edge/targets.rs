//! Targets as people and programs write them: what the worker sees, and what the origin does.

use rstest::rstest;

use crate::{hostile::exchange, world::world};

/// The URL that the origin was asked for by a request with this target.
async fn asked_for(target: &str) -> String {
    let world = world().await;
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
    let response = exchange(&world, request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let url = body.strip_prefix("GET http://shop.example").unwrap();
    url.trim_end().to_owned()
}

#[rstest]
#[case::refused_by_the_parser("a<b>`c", "a%3Cb%3E%60c", "a%3Cb%3E%60c")]
#[case::other_raw_bytes(r#"a"{}|^\b"#, "a%22%7B%7D%7C%5E%5Cb", r#"a"{}|^\b"#)]
#[case::outside_ascii("anmälan", "anm%C3%A4lan", "anmälan")]
#[case::in_the_query(
    r#"a?q="<>`{}|^\é"#,
    r"a?q=%22%3C%3E%60{}|^\%C3%A9",
    r"a?q=%22%3C%3E`{}|^\é"
)]
#[tokio::test]
async fn raw_bytes_reach_a_worker_encoded_and_the_origin_as_they_came(
    #[case] sent: &str,
    #[case] through_the_worker: &str,
    #[case] past_it: &str,
) {
    // The worker passes on what it sees.
    let seen = asked_for(&format!("/w/{sent}")).await;
    assert_eq!(seen, format!("/w/{through_the_worker}"));
    let seen = asked_for(&format!("/{sent}")).await;
    assert_eq!(seen, format!("/{past_it}"));
}

#[rstest]
#[case("http://shop.example", "/")]
#[case("http://shop.example/", "/")]
#[case("http://shop.example?a=b", "/?a=b")]
#[case("http://shop.example/w/x?a=b", "/w/x?a=b")]
#[tokio::test]
async fn an_absolute_target_has_a_path_where_it_writes_none(
    #[case] target: &str,
    #[case] expected: &str,
) {
    assert_eq!(asked_for(target).await, expected);
}

#[rstest]
#[case::a_name_before_the_host("GET /", "a@shop.example", 400)]
#[case::no_such_port("GET /", "shop.example:99999", 400)]
#[case::no_port_behind_the_colon("GET /", "shop.example:", 400)]
#[case::a_path_without_its_slash("GET headers", "shop.example", 400)]
#[case::a_host_alone("GET shop.example:443", "shop.example", 400)]
#[case::a_name_in_an_absolute_target("GET http://a@shop.example/", "shop.example", 400)]
#[case::a_port("GET /", "shop.example:443", 200)]
#[case::capitals("GET /", "SHOP.example", 200)]
#[tokio::test]
async fn who_is_asked_and_for_what_is_said_as_http_has_it(
    #[case] line: &str,
    #[case] host: &str,
    #[case] status: u16,
) {
    let world = world().await;
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let response = exchange(&world, request.as_bytes()).await;
    assert!(
        response.starts_with(&format!("HTTP/1.1 {status} ")),
        "{response}"
    );
}

#[tokio::test]
async fn a_transfer_coding_that_nobody_reads_is_501() {
    let world = world().await;
    let request = "POST / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\
        Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    let response = exchange(&world, request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 501 "), "{response}");
}
