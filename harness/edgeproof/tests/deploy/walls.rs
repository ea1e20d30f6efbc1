//! Between here and the API: a company's proxy with a certificate authority of its own, and pages for people in place of
//! JSON.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use edgeproof_cloudflare::{
    client::{ApiError, Cloudflare, Network, Secret, Waiting},
    deploy::DeployError,
};
use edgeproof_ground::clock::Clock;
use edgeproof_test_support::{authority::Authority, server};
use rstest::rstest;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{
    gate::{Gate, Page},
    world::{FILE, World, apply, deployer},
};

/// The APIs as production has them.
const API: &str = "https://api.cloudflare.com/client/v4";

/// A proxy that opens TLS with certificates of its own authority, and leads to the emulated APIs.
pub(crate) struct Wall {
    pub(crate) address: SocketAddr,
    /// The certificate of its authority, in PEM.
    pub(crate) authority: PathBuf,
    /// The first line and the credentials of every CONNECT.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Wall {
    /// In front of these APIs; the one who has other credentials is refused.
    pub(crate) async fn start(
        cloudflare: SocketAddr,
        management: SocketAddr,
        credentials: Option<&'static str>,
    ) -> Self {
        let authority = Authority::new("A company");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("company.pem");
        std::fs::write(&path, authority.pem()).unwrap();
        let hosts = ["api.cloudflare.com", "management-api.fpjs.io"];
        let acceptor = TlsAcceptor::from(Arc::new(authority.server(&hosts)));
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let serve = move |mut stream: TcpStream| {
            let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
            async move {
                let head = server::head(&mut stream).await.unwrap();
                let head: Vec<&str> = head.lines().collect();
                let is_known = credentials.is_none_or(|known| {
                    head.iter().any(|line| {
                        line.to_ascii_lowercase()
                            .starts_with("proxy-authorization:")
                            && line.ends_with(known)
                    })
                });
                noted.lock().unwrap().push(head[0].to_owned());
                if !is_known {
                    let _ = stream
                            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
                            .await;
                    return;
                }
                let api = match head[0].contains("cloudflare") {
                    true => cloudflare,
                    false => management,
                };
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                // Whoever does not trust the authority goes away here.
                if let Ok(mut open) = acceptor.accept(stream).await {
                    let mut api = TcpStream::connect(api).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut open, &mut api).await;
                }
            }
        };
        let address = server::listening(serve).await;
        Self {
            address,
            authority: path,
            seen,
            _folder: folder,
        }
    }

    fn network(&self, variables: &[(&str, String)]) -> Network {
        Network::of_environment(|name| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| value.clone())
        })
    }
}

fn cloudflare(world: &World, network: &Network) -> Result<Cloudflare, ApiError> {
    let token = Secret::new(world.plane.token().reveal());
    Cloudflare::over(API, token, Waiting::On(Clock::default()), network)
}

#[tokio::test]
async fn the_api_is_reached_through_a_proxy_with_an_authority_of_its_own() {
    let world = World::new().await;
    let wall = Wall::start(
        world.plane.address(),
        world.platform.address(),
        Some("dTpw"),
    )
    .await;
    let proxy = format!("http://u:p@{}", wall.address);
    let authority = wall.authority.display().to_string();
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let network = wall.network(&[
            (variable, proxy.clone()),
            ("SSL_CERT_FILE", authority.clone()),
        ]);
        let client = cloudflare(&world, &network).unwrap();
        assert_eq!(client.verify_token(None).await.unwrap().status, "active");
    }
    let seen = wall.seen.lock().unwrap();
    assert_eq!(seen[0], "CONNECT api.cloudflare.com:443 HTTP/1.1");
    assert_eq!(seen.len(), 3);
}

#[rstest]
#[case::unknown_authority("http://u:p@WALL", false, &["UnknownIssuer", "the proxy that HTTPS_PROXY names", "let SSL_CERT_FILE name a file"])]
#[case::credentials("http://WALL", true, &["authorization required", "the proxy that HTTPS_PROXY names"])]
#[case::nobody_there("http://127.0.0.1:1", true, &["refused", "the proxy that HTTPS_PROXY names"])]
#[tokio::test]
async fn what_stands_in_the_way_is_told(
    #[case] proxy: &str,
    #[case] is_trusted: bool,
    #[case] told: &[&str],
) {
    let world = World::new().await;
    let wall = Wall::start(
        world.plane.address(),
        world.platform.address(),
        Some("dTpw"),
    )
    .await;
    let mut variables = vec![(
        "HTTPS_PROXY",
        proxy.replace("WALL", &wall.address.to_string()),
    )];
    if is_trusted {
        variables.push(("SSL_CERT_FILE", wall.authority.display().to_string()));
    }
    let client = cloudflare(&world, &wall.network(&variables)).unwrap();
    let error = client.verify_token(None).await.unwrap_err().to_string();
    for told in told {
        assert!(error.contains(told), "{error}");
    }
    assert!(!error.contains("u:p"), "{error}");
    assert_eq!(world.requests(), 0);
}

#[rstest]
#[case(
    "HTTPS_PROXY",
    "socks5://127.0.0.1:1",
    "HTTPS_PROXY names a proxy of the kind `socks5`"
)]
#[case("https_proxy", "http://", "https_proxy is not the address of a proxy")]
#[case(
    "SSL_CERT_FILE",
    "/nowhere.pem",
    "SSL_CERT_FILE names `/nowhere.pem`, which is not a file of certificates"
)]
#[case(
    "SSL_CERT_FILE",
    "/dev/null",
    "SSL_CERT_FILE names `/dev/null`, which is not a file of certificates"
)]
#[tokio::test]
async fn a_way_that_cannot_be_taken_is_told_with_its_variable(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] told: &str,
) {
    let world = World::new().await;
    let network = Network::of_environment(|name| (name == variable).then(|| value.to_owned()));
    let error = cloudflare(&world, &network).err().unwrap().to_string();
    assert!(error.starts_with(told), "{error}");
}

/// The token of an API on this machine is not shown to a proxy.
#[tokio::test]
async fn this_machine_is_reached_without_a_proxy() {
    let world = World::new().await;
    let network = Network::of_environment(|name| {
        (name == "ALL_PROXY").then(|| "http://127.0.0.1:1".to_owned())
    });
    let token = Secret::new(world.plane.token().reveal());
    let waiting = Waiting::On(Clock::default());
    let client = Cloudflare::over(&world.plane.base_url(), token, waiting, &network).unwrap();
    assert_eq!(client.verify_token(None).await.unwrap().status, "active");
}

const CHALLENGE: Page = Page {
    status: 403,
    headers: &[
        ("content-type", "text/html; charset=UTF-8"),
        ("cf-mitigated", "challenge"),
        ("cf-ray", "0123456789abcdef-FRA"),
    ],
    body: "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
};

const GATEWAY: Page = Page {
    status: 502,
    headers: &[
        ("content-type", "text/html"),
        ("cf-ray", "0123456789abcdef-FRA"),
    ],
    body: "<html><head><title>502 Bad Gateway</title></head></html>",
};

const SIGN_IN: Page = Page {
    status: 200,
    headers: &[("content-type", "text/html")],
    body: "<html><title>Sign in to the guest network</title></html>",
};

const ELSEWHERE: Page = Page {
    status: 302,
    headers: &[("location", "https://login.company.example/")],
    body: "",
};

#[rstest]
#[case::token("GET */user/tokens/verify", CHALLENGE, &["status 403, Ray ID 0123456789abcdef-FRA, titled `Just a moment...`", "bot protection"])]
#[case::permissions("DELETE *", CHALLENGE, &["Ray ID 0123456789abcdef-FRA", "bot protection"])]
#[case::records("GET */dns_records*", CHALLENGE, &["Ray ID 0123456789abcdef-FRA"])]
#[case::zones("GET */zones?*", GATEWAY, &["status 502, Ray ID 0123456789abcdef-FRA, titled `502 Bad Gateway`", "try again later"])]
#[case::captive("GET */user/tokens/verify", SIGN_IN, &["status 200, titled `Sign in to the guest network`", "sign in to it"])]
#[case::redirect("GET */user/tokens/verify", ELSEWHERE, &["status 302"])]
#[tokio::test]
async fn a_page_in_place_of_json_is_told_as_that(
    #[case] on: &str,
    #[case] page: Page,
    #[case] told: &[&str],
) {
    let world = World::new().await;
    let gate = Gate::instead(on, page);
    let base = gate.to(world.plane.address()).await;
    let through = deployer(
        &world.plane,
        &world.platform,
        &format!("http://{base}/client/v4"),
        &format!("http://{}", world.platform.address()),
    );
    let error = apply(&through, FILE).await.unwrap_err();
    assert!(
        matches!(&error, DeployError::Api(ApiError::Page { .. })),
        "{error:?}"
    );
    let error = edgeproof_ground::causes::with_causes(&error);
    for told in told {
        assert!(error.contains(told), "{error}");
    }
    assert!(!error.contains("lacks the permission"), "{error}");
    assert!(world.is_untouched());
}

/// In the middle of it, all that was done is undone, as far as the way is open.
#[tokio::test]
async fn a_challenge_in_the_middle_is_undone() {
    let world = World::new().await;
    let gate = Gate::instead("POST */workers/routes", CHALLENGE);
    let base = gate.to(world.plane.address()).await;
    let through = deployer(
        &world.plane,
        &world.platform,
        &format!("http://{base}/client/v4"),
        &format!("http://{}", world.platform.address()),
    );
    let error = apply(&through, FILE).await.unwrap_err();
    assert!(matches!(&error, DeployError::Undone { .. }), "{error:?}");
    assert!(
        error.to_string().contains("Ray ID 0123456789abcdef-FRA"),
        "{error}"
    );
    assert!(world.is_untouched());
}
