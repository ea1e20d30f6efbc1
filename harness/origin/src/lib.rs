//! The site itself: fixture sites or the user's own app, and a record of everything that reached them.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod app;
pub mod launch;
mod record;
mod site;

use std::sync::Arc;

use edgeproof_ground::{body::Body, memory::Memory};
use edgeproof_internet::{Failure, Handled, Handler};
use http::{Request, Response};

pub use app::{Address, AddressError, App, AppError, Certificate, HostHeader};
pub use record::{Entry, RecordedBody, RecordedRequest, Requests};
pub use site::{Site, SiteError};

use self::launch::RunningApp;

/// What stands behind one name, and what reached it. Clones share the record.
#[derive(Clone, Debug)]
pub struct Origin {
    backend: Arc<Backend>,
    requests: Requests,
}

#[derive(Debug)]
enum Backend {
    Site(Box<Site>),
    /// An application, and its process where it was started for this.
    App(Box<app::Client>, Option<Arc<RunningApp>>),
}

impl Origin {
    /// A site of this repository's kind, read from its directory.
    ///
    /// # Errors
    /// When the site's description or one of its files cannot be read.
    pub fn site(directory: &std::path::Path) -> Result<Self, SiteError> {
        Ok(Self::new(Backend::Site(Box::new(Site::read(directory)?))))
    }

    /// The user's own application.
    ///
    /// # Errors
    /// When it cannot be asked as it is described; see [`App::check`].
    pub fn app(app: &App) -> Result<Self, AppError> {
        let client = app::Client::new(app.clone())?;
        Ok(Self::new(Backend::App(Box::new(client), None)))
    }

    /// The user's own application that was started for this.
    ///
    /// # Errors
    /// When it cannot be asked as it is described; see [`App::check`].
    pub fn started(app: &App, process: Arc<RunningApp>) -> Result<Self, AppError> {
        let client = app::Client::new(app.started(process.port())?)?;
        Ok(Self::new(Backend::App(Box::new(client), Some(process))))
    }

    /// The same origin with a record of its own.
    #[must_use]
    pub fn aside(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
            requests: Requests::new(&Memory::default()),
        }
    }

    /// The same origin, whose record is a part of what this has room for.
    #[must_use]
    pub fn keeping_in(self, memory: &Memory) -> Self {
        Self {
            requests: Requests::new(memory),
            ..self
        }
    }

    fn new(backend: Backend) -> Self {
        Self {
            backend: Arc::new(backend),
            requests: Requests::new(&Memory::default()),
        }
    }

    /// What reached this origin, in the order of arrival, as far as it is kept.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.all()
    }

    /// How many of the oldest requests are no longer kept.
    pub fn forgotten_requests(&self) -> usize {
        self.requests.forgotten()
    }

    /// The request that reached this origin last.
    pub fn latest(&self) -> Option<RecordedRequest> {
        self.requests.latest()
    }

    /// Responds to one request and records it on arrival.
    ///
    /// # Errors
    /// Where an application gives no response.
    pub async fn response(&self, request: Request<Body>) -> Result<Response<Body>, Failure> {
        let entry = self.requests.begin(&request);
        match &*self.backend {
            Backend::Site(site) => {
                let (head, body) = request.into_parts();
                // A site's responses do not depend on the body: read it to its end, then respond.
                Ok(match entry.read(body).await {
                    Ok(()) => site.response(&head.method, head.uri.path()),
                    Err(error) => site::broken_upload(&error),
                })
            }
            Backend::App(app, process) => {
                let recorded = entry.clone();
                let request = request.map(|body| entry.observe(body));
                let mut response = app.send(request, || recorded.again()).await;
                if let (Err(failure), Some(process)) = (&mut response, process)
                    && let Some(obituary) = process.obituary()
                {
                    failure.cause.push_str(&format!("; {obituary}"));
                }
                response
            }
        }
    }
}

impl Handler for Origin {
    fn handle(&self, request: Request<Body>) -> Handled {
        let origin = self.clone();
        Box::pin(async move { origin.response(request).await })
    }
}
