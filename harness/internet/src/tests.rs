use std::time::Duration;

use edgeproof_ground::body;
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use rstest::rstest;
use tokio::time::timeout;

use super::*;

/// Answers with the request line it saw.
struct Echo;

impl Handler for Echo {
    fn handle(&self, request: Request<Body>) -> Handled {
        Box::pin(async move {
            let text = format!("{} {}", request.method(), request.uri());
            Ok(Response::new(body::full(text)))
        })
    }
}

fn internet() -> (Internet, Trace) {
    let trace = Trace::new();
    let internet = Internet::new(trace.clone());
    internet.connect(
        "shop.example",
        Peer {
            name: "origin".to_owned(),
            party: Party::Origin,
            destination: Destination::Handler(Arc::new(Echo)),
        },
    );
    (internet, trace)
}

fn get(url: &'static str) -> Request<Body> {
    let mut request = Request::new(body::empty());
    *request.uri_mut() = Uri::from_static(url);
    request
}

fn faulty(yaml: &str) -> Vec<Fault> {
    vec![serde_saphyr::from_str(yaml).unwrap()]
}

async fn text(answer: Response<Body>) -> Result<String, body::BodyError> {
    let bytes = answer.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_name_leads_to_its_peer_and_the_hop_is_recorded() {
    let (internet, trace) = internet();
    let answer = internet
        .send(get("https://shop.example/a?b=c"), Party::Worker)
        .await
        .unwrap();
    assert_eq!(
        text(answer).await.unwrap(),
        "GET https://shop.example/a?b=c"
    );
    let hop = &trace.exchanges()[0];
    assert_eq!((hop.from, hop.to), (Party::Worker, Party::Origin));
    assert_eq!(hop.request.url, "https://shop.example/a?b=c");
    assert_eq!(hop.response.as_ref().unwrap().body_bytes, 30);
}

#[tokio::test]
async fn a_name_that_is_not_in_the_table_does_not_resolve() {
    let (internet, trace) = internet();
    let unreachable = internet
        .send(get("https://other.example/"), Party::Worker)
        .await
        .unwrap_err();
    assert_eq!(unreachable, Unreachable::NameUnknown);
    assert_eq!(trace.exchanges()[0].to, Party::Elsewhere);
}

#[rstest]
#[case("{on: origin, fault: refuse}", Unreachable::Refused)]
#[case("{on: origin, fault: reset}", Unreachable::Reset)]
#[case("{on: shop.example/*, fault: tls}", Unreachable::Tls)]
#[case("{on: origin, fault: no_such_name}", Unreachable::NameUnknown)]
#[tokio::test]
async fn a_fault_keeps_the_request_from_its_destination_and_is_recorded(
    #[case] fault: &str,
    #[case] expected: Unreachable,
) {
    let (internet, trace) = internet();
    internet.set_faults(faulty(fault)).unwrap();
    let answer = internet
        .send(get("https://shop.example/"), Party::Worker)
        .await;
    assert_eq!(answer.err(), Some(expected));
    assert!(trace.exchanges()[0].fault.is_some());
}

#[tokio::test]
async fn a_hanging_destination_does_not_answer() {
    let (internet, trace) = internet();
    internet
        .set_faults(faulty("{on: origin, fault: hang}"))
        .unwrap();
    let answer = internet.send(get("https://shop.example/"), Party::Worker);
    assert!(timeout(Duration::from_millis(50), answer).await.is_err());
    assert!(trace.exchanges()[0].response.is_none());
}

// Documentation, Support › 5xx errors, and error 1016.
#[rstest]
#[case(Unreachable::Reset, 520)]
#[case(Unreachable::Refused, 521)]
#[case(Unreachable::ConnectTimeout, 522)]
#[case(Unreachable::ReadTimeout(Duration::from_secs(100)), 524)]
#[case(Unreachable::Tls, 525)]
#[case(Unreachable::Certificate, 526)]
#[case(Unreachable::NameUnknown, 530)]
fn every_way_to_be_unreachable_has_its_status(
    #[case] unreachable: Unreachable,
    #[case] expected: u16,
) {
    assert_eq!(unreachable.status().as_u16(), expected);
}

#[tokio::test]
async fn an_answer_can_come_in_place_of_the_real_one() {
    let (internet, _) = internet();
    let fault =
        "{on: origin, fault: {answer: {status: 503, headers: {retry-after: '9'}, body: later}}}";
    internet.set_faults(faulty(fault)).unwrap();
    let answer = internet
        .send(get("https://shop.example/"), Party::Worker)
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "9");
    assert_eq!(text(answer).await.unwrap(), "later");
}

#[tokio::test]
async fn a_body_can_break_off() {
    let (internet, trace) = internet();
    internet
        .set_faults(faulty("{on: origin, fault: {truncate: 7}}"))
        .unwrap();
    let answer = internet
        .send(get("https://shop.example/"), Party::Worker)
        .await
        .unwrap();
    assert!(text(answer).await.is_err());
    assert_eq!(
        trace.exchanges()[0].response.as_ref().unwrap().body_bytes,
        7
    );
}

#[tokio::test]
async fn a_body_can_come_in_pieces_and_is_whole() {
    let (internet, _) = internet();
    internet
        .set_faults(faulty("{on: origin, fault: {dribble: 3}}"))
        .unwrap();
    let answer = internet
        .send(get("https://shop.example/"), Party::Worker)
        .await
        .unwrap();
    assert_eq!(text(answer).await.unwrap(), "GET https://shop.example/");
}

#[tokio::test]
async fn a_fault_on_a_part_that_does_not_exist_is_refused() {
    let (internet, _) = internet();
    let error = internet
        .set_faults(faulty("{on: ingres, fault: refuse}"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no part `ingres`; use one of origin"
    );
}

#[tokio::test]
async fn an_address_is_asked_with_the_name_as_host() {
    let (internet, trace) = internet();
    let server = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::header("host", "api.example"))
        .and(wiremock::matchers::path("/v1"))
        .respond_with(wiremock::ResponseTemplate::new(204))
        .mount(&server)
        .await;
    internet.connect(
        "api.example",
        Peer {
            name: "api".to_owned(),
            party: Party::Fingerprint,
            destination: Destination::Address(*server.address()),
        },
    );
    let answer = internet
        .send(get("https://api.example/v1"), Party::Worker)
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(trace.exchanges()[0].to, Party::Fingerprint);
}

#[tokio::test]
async fn an_address_where_nobody_listens_refuses() {
    let (internet, _) = internet();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    internet.connect(
        "gone.example",
        Peer {
            name: "gone".to_owned(),
            party: Party::Elsewhere,
            destination: Destination::Address(address),
        },
    );
    let answer = internet
        .send(get("http://gone.example/"), Party::Worker)
        .await;
    assert_eq!(answer.err(), Some(Unreachable::Refused));
}
