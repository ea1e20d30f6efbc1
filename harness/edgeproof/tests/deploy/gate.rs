//! A door in front of an API: before a request goes through, something else may happen.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use edgeproof_ground::{
    body::{self, Body, BodyError},
    call::CallPattern,
};
use edgeproof_test_support::server;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

type Happening = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happens, and before which request. Several doors may count together.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    seen: Arc<AtomicUsize>,
    happening: Arc<Mutex<Option<(usize, Happening)>>>,
    /// Before which request it happened.
    met: Arc<Mutex<Option<String>>>,
    /// Whether every request waits a little, each another time.
    is_uneven: bool,
    /// What is answered in place of the API, and to which requests.
    instead: Option<(CallPattern, Page)>,
}

/// A response that is not the API's.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: &'static str,
}

impl Gate {
    /// Lets everything through.
    pub(crate) fn open() -> Self {
        Self::default()
    }

    /// Lets everything through, each request after some others have had a turn.
    pub(crate) fn uneven() -> Self {
        Self {
            is_uneven: true,
            ..Self::default()
        }
    }

    /// Answers requests itself.
    pub(crate) fn instead(on: &str, page: Page) -> Self {
        Self {
            instead: Some((on.parse().unwrap(), page)),
            ..Self::default()
        }
    }

    /// Has this happen before the n-th request from now on, from 1.
    pub(crate) fn before(&self, n: usize, happening: impl Future<Output = ()> + Send + 'static) {
        self.seen.store(0, Ordering::SeqCst);
        *self.happening.lock().unwrap() = Some((n, Box::pin(happening)));
    }

    /// How many requests came.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// The method and path of the request before which it happened.
    pub(crate) fn met(&self) -> Option<String> {
        self.met.lock().unwrap().clone()
    }

    /// A door to an API; returns its address.
    pub(crate) async fn to(&self, api: SocketAddr) -> SocketAddr {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let gate = self.clone();
        server::http(move |request| {
            let (gate, client) = (gate.clone(), client.clone());
            async move { gate.pass(client, api, request).await }
        })
        .await
    }

    async fn pass(
        &self,
        client: Client<HttpConnector, Full<Bytes>>,
        api: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, BodyError> {
        let number = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let due = {
            let mut happening = self.happening.lock().unwrap();
            happening.take_if(|(n, _)| *n == number)
        };
        if let Some((_, happening)) = due {
            *self.met.lock().unwrap() = Some(format!("{} {}", request.method(), request.uri()));
            happening.await;
        }
        if self.is_uneven {
            for _ in 0..fastrand::usize(..40) {
                tokio::task::yield_now().await;
            }
        }
        if let Some((on, page)) = &self.instead
            && on.matches(request.method(), &format!("http://{api}{}", request.uri()))
        {
            let mut response = Response::builder().status(page.status);
            for (name, value) in page.headers {
                response = response.header(*name, *value);
            }
            return Ok(response.body(body::full(page.body))?);
        }
        let (mut head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        head.uri = format!("http://{api}{}", head.uri).parse()?;
        let response = client
            .request(Request::from_parts(head, Full::new(body)))
            .await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, body::full(body)))
    }
}
