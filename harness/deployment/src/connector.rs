//! The Wallarm connector of a deployment, and the node it asks.

use std::net::SocketAddr;

use edgeproof_ground::time::Time;
use http::Uri;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Deployment, FailureMode};

/// The name under which workers reach the emulated node.
pub const NODE_HOST: &str = "node.wallarm.example";

/// Which traffic goes through the filtering node, and how: `wallarm: { routes: [shop.example/*], mode: inline }`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Connector {
    /// Whether the node decides first.
    pub mode: ConnectorMode,
    /// URL patterns of the traffic that goes through the node; default: all that reaches the worker.
    pub routes: Vec<String>,
    /// What happens to a request on which the node gives no verdict. The worker's own default is `open`.
    pub failure_mode: Option<FailureMode>,
    /// How long the worker waits for the node; its own default is one second.
    pub timeout: Option<Time>,
    /// Endings of paths that skip the node. Default: the worker's own 17.
    pub static_suffixes: Option<Vec<String>>,
    /// What a blocked visitor gets; the worker's own default is the plain text.
    pub block_page: Option<BlockPage>,
}

/// When the node gets the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorMode {
    /// Before the origin, which gets what the node lets through.
    #[default]
    Inline,
    /// Beside the origin: the node only watches.
    Async,
}

/// What a blocked visitor gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockPage {
    /// `Request blocked.`
    Text,
    /// A page with the id of the request, the time and the visitor's address.
    Page,
}

/// A real filtering node on this machine, such as nginx with ModSecurity: `node: { url: http://127.0.0.1:8081 }`.
///
/// It takes the place of the emulated one: the worker calls the same name, and faults apply. Its attacks are not read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "WrittenNode")]
#[schemars(with = "WrittenNode")]
pub struct RealNode {
    /// Where it listens: plain HTTP/1.1.
    pub address: SocketAddr,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenNode {
    url: String,
}

impl TryFrom<WrittenNode> for RealNode {
    type Error = String;

    fn try_from(written: WrittenNode) -> Result<Self, String> {
        let url = written.url;
        let wrong = || {
            format!(
                "`{url}` is not the address of a node on this machine, such as `http://127.0.0.1:8081`"
            )
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") {
            return Err(wrong());
        }
        let host = uri.host().ok_or_else(wrong)?;
        let host = if host == "localhost" {
            "127.0.0.1"
        } else {
            host
        };
        let address = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        Ok(Self {
            address: address.parse().map_err(|_| wrong())?,
        })
    }
}

/// The name under which a worker reaches its node: the emulated one's, or one of its own for a real node.
pub fn node_host(worker: &str, deployment: &Deployment) -> String {
    match &deployment.node {
        Some(_) => format!("{worker}.{NODE_HOST}"),
        None => NODE_HOST.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://127.0.0.1:8081", Some("127.0.0.1:8081"))]
    #[case("http://localhost:8081/", Some("127.0.0.1:8081"))]
    #[case("http://[::1]:8081", Some("[::1]:8081"))]
    #[case("https://127.0.0.1:8081", None)]
    #[case("http://node.example", None)]
    #[case("http://127.0.0.1:8081/node", None)]
    fn a_real_node_is_an_address_of_plain_http(#[case] url: &str, #[case] address: Option<&str>) {
        let read = serde_saphyr::from_str::<RealNode>(&format!("{{url: '{url}'}}")).ok();
        assert_eq!(
            read.map(|node| node.address.to_string()).as_deref(),
            address
        );
    }
}
