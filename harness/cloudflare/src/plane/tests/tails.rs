use futures_util::{SinkExt, StreamExt};
use indexmap::IndexMap;
use rstest::rstest;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use super::*;

const TAILS: &str = "/accounts/{a}/workers/scripts/flow/tails";

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(url: &str, protocol: Option<&str>) -> Result<Socket, String> {
    let mut request = url.into_client_request().unwrap();
    if let Some(protocol) = protocol {
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    let connected = tokio_tungstenite::connect_async(request).await;
    connected
        .map(|(socket, _)| socket)
        .map_err(|error| error.to_string())
}

/// What comes next, as text; `closed` and the code where the socket closes.
async fn next(socket: &mut Socket) -> String {
    match socket.next().await.unwrap().unwrap() {
        Message::Close(frame) => format!("closed {}", u16::from(frame.unwrap().code)),
        message => message.into_text().unwrap().to_string(),
    }
}

#[tokio::test]
async fn a_tail_is_started_listed_read_and_deleted() {
    let api = Api::start().await;
    api.deploy("flow").await;
    let filters = json!({"filters": [{"outcome": ["exception"]}]});
    let started = api.ask("POST", TAILS, &filters).await;
    let tail = started.result().clone();
    assert_eq!(tail["id"].as_str().unwrap().len(), 32);
    assert!(
        tail["expires_at"].as_str().unwrap().ends_with('Z'),
        "{tail}"
    );
    assert_eq!(api.get(TAILS).await.result(), &json!([tail]));

    let mut socket = connect(tail["url"].as_str().unwrap(), Some("trace-v1"))
        .await
        .unwrap();
    socket
        .send(Message::text(r#"{"debug":false}"#))
        .await
        .unwrap();
    let reader = api.plane.tail_reader();
    let wanted = json!({"outcome": "exception", "logs": []});
    reader("other", vec![wanted.clone()]);
    reader("flow", vec![json!({"outcome": "ok"}), wanted.clone()]);
    assert_eq!(next(&mut socket).await, wanted.to_string());

    let path = format!("{TAILS}/{}", tail["id"].as_str().unwrap());
    assert_eq!(api.delete(&path).await.status, 200);
    assert_eq!(next(&mut socket).await, "closed 1000");
    assert_eq!(api.delete(&path).await.refusal(), (404, 10058));
    assert_eq!(api.get(TAILS).await.result(), &json!([]));
    let again = connect(tail["url"].as_str().unwrap(), Some("trace-v1")).await;
    assert!(again.unwrap_err().contains("404"));
}

#[tokio::test]
async fn the_tails_of_a_worker_end_with_it() {
    let api = Api::start().await;
    api.deploy("flow").await;
    let tail = api.ask("POST", TAILS, &json!({})).await;
    let url = tail.result()["url"].as_str().unwrap().to_owned();
    let mut socket = connect(&url, Some("trace-v1")).await.unwrap();
    api.delete("/accounts/{a}/workers/scripts/flow").await;
    assert_eq!(next(&mut socket).await, "closed 1000");
}

#[rstest]
#[case(None)]
#[case(Some("trace-v2"))]
#[tokio::test]
async fn a_tail_is_read_with_the_version_of_its_messages(#[case] protocol: Option<&str>) {
    let api = Api::start().await;
    api.deploy("flow").await;
    let tail = api.ask("POST", TAILS, &json!({})).await;
    let url = tail.result()["url"].as_str().unwrap().to_owned();
    let refused = connect(&url, protocol).await.err().unwrap();
    assert!(refused.contains("400"), "{refused}");
}

#[tokio::test]
async fn a_tail_ends_by_the_clock_of_the_rig_and_its_debugging_is_refused() {
    let settings = AccountSettings::default();
    let clock = settings.clock.clone();
    let api = Api::with(settings).await;
    api.deploy("flow").await;
    let start = async || {
        let tail = api.ask("POST", TAILS, &json!({})).await;
        let url = tail.result()["url"].as_str().unwrap().to_owned();
        connect(&url, Some("trace-v1")).await.unwrap()
    };
    let mut debugged = start().await;
    debugged
        .send(Message::text(r#"{"debug":true}"#))
        .await
        .unwrap();
    assert_eq!(next(&mut debugged).await, "closed 1003");
    let mut socket = start().await;
    clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(next(&mut socket).await, "closed 1000");
}

#[rstest]
#[case(&["Workers Tail:Read"], None)]
#[case(&["Workers Scripts:Edit"], None)]
#[case(&["Workers Scripts:Read"], Some((403, 10000)))]
#[tokio::test]
async fn either_of_two_permissions_starts_a_tail(
    #[case] names: &[&str],
    #[case] refused: Option<(u16, u64)>,
) {
    let permissions: Vec<Permission> = names.iter().map(|name| name.parse().unwrap()).collect();
    let tokens = [
        ("only".to_owned(), Token::with("sesame", &permissions)),
        ("deployer".to_owned(), Token::default()),
    ];
    let api = Api::with(AccountSettings {
        tokens: IndexMap::from(tokens),
        workers: [("flow".to_owned(), GivenWorker::default())].into(),
        ..AccountSettings::default()
    })
    .await;
    let told = api.ask("POST", TAILS, &json!({"filters": []})).await;
    match refused {
        None => assert_eq!(told.status, 200),
        Some(refusal) => assert_eq!(told.refusal(), refusal),
    }
}
