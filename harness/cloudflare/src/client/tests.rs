//! The Management API, asked by the client that deploys.

use edgeproof_fingerprint::{
    Endpoint, Fingerprint, PlatformFault, PlatformFaultKind, PlatformSettings,
};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rstest::rstest;

use super::{ApiError, ApiKey, KeyType, Management, Secret, Waiting};

async fn platform(faults: Vec<PlatformFault>) -> Fingerprint {
    let settings = PlatformSettings {
        environments: vec!["staging".to_owned()],
        faults,
        ..PlatformSettings::default()
    };
    Fingerprint::start(settings).await.unwrap()
}

fn client(platform: &Fingerprint, key: &str) -> Management {
    let base = format!("http://{}", platform.address());
    let waiting = Waiting::On(platform.clock().clone());
    Management::new(&base, Secret::new(key), waiting).unwrap()
}

async fn keys_named(client: &Management, name: &str) -> Vec<ApiKey> {
    let mut keys = client.keys().await.unwrap();
    keys.retain(|key| key.name == name);
    keys
}

#[tokio::test]
async fn a_secret_key_is_told_once_and_works_until_it_is_deleted() {
    let platform = platform(Vec::new()).await;
    let client = client(&platform, platform.management_key());
    let environment = client.environment("staging").await.unwrap().unwrap();
    assert_eq!(client.environment("none").await.unwrap(), None);
    let made = client
        .create_key("one key", KeyType::Secret, Some(&environment))
        .await
        .unwrap();
    let secret = made.token.unwrap();
    let found = keys_named(&client, "one key").await;
    assert_eq!(found[0].token, None);
    assert_eq!(found[0].environment.as_ref(), Some(&environment));

    let knows = async || {
        let request = Request::get(format!(
            "http://{}/v4/events/1700000000000.abcdef",
            platform.address()
        ))
        .header("host", "api.fpjs.io")
        .header("authorization", format!("Bearer {}", secret.reveal()))
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        client.request(request).await.unwrap().status()
    };
    assert_eq!(knows().await, StatusCode::NOT_FOUND);
    assert!(client.delete_key(&made.id).await.unwrap());
    assert!(!client.delete_key(&made.id).await.unwrap());
    assert_eq!(knows().await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn all_pages_of_a_list_are_read() {
    let platform = platform(Vec::new()).await;
    let client = client(&platform, platform.management_key());
    for _ in 0..101 {
        platform.make_keys("default");
    }
    assert_eq!(keys_named(&client, "default").await.len(), 204);
}

#[rstest]
#[case::another_key("wrong", "key", Some("default"), 401)]
#[case::short_name("", "k", None, 400)]
#[case::no_environment("", "key", Some("ae_none"), 404)]
#[tokio::test]
async fn what_the_api_refuses_is_told_with_its_code(
    #[case] key: &str,
    #[case] name: &str,
    #[case] environment: Option<&str>,
    #[case] status: u16,
) {
    let platform = platform(Vec::new()).await;
    let key = if key.is_empty() {
        platform.management_key()
    } else {
        key
    };
    let refused = client(&platform, key)
        .create_key(name, KeyType::Public, environment)
        .await
        .unwrap_err();
    assert_eq!(refused.status(), Some(status));
    assert!(refused.to_string().contains("(code "), "{refused}");
}

#[tokio::test]
async fn a_lost_answer_is_uncertain_and_the_key_is_there() {
    let lost = PlatformFault::new(Endpoint::Management, PlatformFaultKind::InvalidJson).nth(1);
    let platform = platform(vec![lost]).await;
    let client = client(&platform, platform.management_key());
    let made = client.create_key("one key", KeyType::Secret, None).await;
    assert!(
        matches!(&made, Err(error @ ApiError::UnexpectedResponse { .. }) if error.is_uncertain())
    );
    assert_eq!(keys_named(&client, "one key").await.len(), 1);
}
