use std::sync::OnceLock;

use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

use super::*;

/// One server for all cases: a panic in it would close the connection without a response.
fn server() -> &'static (Runtime, Api) {
    static SERVER: OnceLock<(Runtime, Api)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let api = runtime.block_on(Api::start());
        (runtime, api)
    })
}

/// What comes back for these bytes. `whole` requests end with the response; of others the client's side is closed.
fn response(bytes: &[u8], whole: bool) -> String {
    let (runtime, api) = server();
    runtime.block_on(async {
        let mut stream = TcpStream::connect(api.plane.address()).await.unwrap();
        // It may have closed before everything was written.
        let _ = stream.write_all(bytes).await;
        if !whole {
            let _ = stream.shutdown().await;
        }
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response).await;
        String::from_utf8_lossy(&response).into_owned()
    })
}

fn post(method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let (_, api) = server();
    let path = path
        .replace("{a}", api.plane.account_id())
        .replace("{shop}", &stable_id("zone", "shop.example"));
    let mut bytes = format!(
        "{method} /client/v4{path} HTTP/1.1\r\nhost: api\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        api.token,
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_keep_the_server_from_answering_the_next_client(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        response(&bytes, false);
        prop_assert!(response(&post("GET", "/zones", "", b""), true).starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn any_path_and_body_are_answered(
        method in "GET|PUT|POST|PATCH|DELETE",
        place in "/zones/\\{shop\\}|/accounts/\\{a\\}/workers/scripts/flow|/accounts/\\{a\\}|",
        rest in "(/(workers|routes|secrets|versions|deployments|settings|subdomain|dns_records|[%a-z0-9\\*]{0,8})){0,3}",
        query in "(\\?[a-z_]{1,8}=[%a-z0-9]{0,8})?",
        body in prop_oneof![
            "[\\{\\}\\[\\]\",:a-z0-9 ]{0,40}",
            Just(r#"{"pattern":"shop.example/*","script":null}"#.to_owned()),
            Just(r#"{"name":"A","text":"b","type":"secret_text"}"#.to_owned()),
            Just("[{}]".to_owned()),
        ],
    ) {
        let response = response(&post(&method, &format!("{place}{rest}{query}"), "application/json", body.as_bytes()), true);
        prop_assert!(response.starts_with("HTTP/1.1 2") || response.starts_with("HTTP/1.1 4"), "{}", response);
    }

    #[test]
    fn any_form_is_answered(
        metadata in prop_oneof![
            "[\\{\\}\\[\\]\",:a-z_0-9 ]{0,60}",
            Just(r#"{"main_module":"../../x","bindings":[{"name":"A","type":"json","json":null}]}"#.to_owned()),
        ],
        name in "[a-z./\\\\]{0,12}",
        content in proptest::collection::vec(any::<u8>(), 0..60),
        cut in 0_usize..400,
    ) {
        let mut form = format!(
            "--limit\r\ncontent-disposition: form-data; name=\"metadata\"\r\n\r\n{metadata}\r\n\
             --limit\r\ncontent-disposition: form-data; name=\"{name}\"\r\ncontent-type: {MODULE}\r\n\r\n"
        ).into_bytes();
        form.extend_from_slice(&content);
        form.extend_from_slice(b"\r\n--limit--\r\n");
        form.truncate(cut);
        let path = "/accounts/{a}/workers/scripts/flow";
        let response = response(&post("PUT", path, "multipart/form-data; boundary=limit", &form), true);
        prop_assert!(response.starts_with("HTTP/1.1 2") || response.starts_with("HTTP/1.1 4"), "{}", response);
    }
}
