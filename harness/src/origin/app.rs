//! The user's own application behind the edge.

use http::{Request, Response, StatusCode, Uri, header::HOST, uri::Authority};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::site::plain;
use crate::{
    body::{self, Body},
    server_connection::{Abandoned, Connector},
};

/// A client of the application at one address.
#[derive(Debug)]
pub(super) struct App {
    authority: Authority,
    client: Client<Connector, Body>,
}

/// Why an address is not that of an application.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of an application; `http://127.0.0.1:3000` is one")]
pub struct AppError(String);

impl App {
    pub(super) fn at(url: &str) -> Result<Self, AppError> {
        let error = || AppError(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| error())?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") {
            return Err(error());
        }
        let authority = uri.authority().cloned().ok_or_else(error)?;
        Ok(Self {
            authority,
            client: Client::builder(TokioExecutor::new())
                .set_host(false)
                .build(Connector::new(HttpConnector::new(), Abandoned::Closed)),
        })
    }

    /// Forwards the request with its own `Host`; an application that is down looks like a refused origin.
    pub(super) async fn forward(&self, mut request: Request<Body>) -> Response<Body> {
        let asked = request.uri().clone();
        if !request.headers().contains_key(HOST)
            && let Some(host) = asked
                .authority()
                .and_then(|authority| authority.as_str().parse().ok())
        {
            request.headers_mut().insert(HOST, host);
        }
        let target = Uri::builder()
            .scheme("http")
            .authority(self.authority.clone())
            .path_and_query(
                asked
                    .path_and_query()
                    .map_or("/", |path_and_query| path_and_query.as_str()),
            )
            .build();
        match target {
            Ok(target) => *request.uri_mut() = target,
            Err(error) => return plain(StatusCode::BAD_GATEWAY, format!("{error}\n")),
        }
        match self.client.request(request).await {
            Ok(response) => response.map(body::stream),
            Err(error) => plain(
                // What the edge answers for an origin that refuses.
                StatusCode::from_u16(521).unwrap_or(StatusCode::BAD_GATEWAY),
                format!(
                    "the application at {} did not answer: {error}\n",
                    self.authority
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://127.0.0.1:3000", true)]
    #[case("http://localhost:8080/", true)]
    #[case("https://127.0.0.1:3000", false)]
    #[case("127.0.0.1:3000", false)]
    #[case("http://127.0.0.1:3000/app", false)]
    fn an_application_is_named_by_a_plain_http_address(#[case] url: &str, #[case] valid: bool) {
        assert_eq!(App::at(url).is_ok(), valid);
    }

    #[tokio::test]
    async fn an_application_that_is_down_looks_like_a_refused_origin() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let app = App::at(&format!("http://{address}")).unwrap();
        let request = Request::get("https://shop.example/")
            .body(body::empty())
            .unwrap();
        assert_eq!(app.forward(request).await.status(), 521);
    }
}
