//! The production worker of this repository, alone in workerd.

use std::{net::SocketAddr, path::PathBuf, sync::LazyLock};

use bytes::Bytes;
use edgeproof_build::{WorkerBuild, build_worker};
use edgeproof_ground::tools::{self, Tool};
use edgeproof_runtime::{Bundle, Runtime, WorkerConfig, WorkerOptions};
use edgeproof_test_support::client;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::net::TcpStream;

static WORKER: LazyLock<PathBuf> = LazyLock::new(|| build_worker(&WorkerBuild::default()).unwrap());

pub(crate) struct ProductionWorker {
    /// Where its log is read.
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
}

impl ProductionWorker {
    /// The worker with these variables; whatever it fetches, it fetches from `internet`.
    pub(crate) async fn start<'a>(
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
        internet: SocketAddr,
    ) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let worker = WorkerConfig {
            name: "worker".to_owned(),
            bundle: Bundle::read(&WORKER).unwrap(),
            variables: variables.into_iter().map(own).collect(),
            options: WorkerOptions::default(),
            internet,
        };
        let workerd = tools::find(Tool::Workerd).unwrap();
        let runtime = Runtime::start(&workerd, &[worker]).await.unwrap();
        let address = runtime.address("worker").unwrap();
        Self { runtime, address }
    }

    /// Sends a request on a connection of its own; gives the head of the response.
    pub(crate) async fn send<RequestBody>(
        &self,
        request: Request<RequestBody>,
    ) -> Response<Incoming>
    where
        RequestBody: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + 'static,
    {
        let stream = TcpStream::connect(self.address).await.unwrap();
        client::http1(stream)
            .await
            .send_request(request)
            .await
            .unwrap()
    }
}
