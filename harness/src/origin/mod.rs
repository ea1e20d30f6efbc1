//! The site itself: fixture sites or the user's own app, and a record of everything that reached them.

mod app;
mod record;
mod site;

use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};

pub use app::AppError;
pub(crate) use record::Entry;
pub use record::{RecordedBody, RecordedRequest};
pub use site::{Site, SiteError};

use crate::body::Body;

/// What stands behind one name, and what reached it. Clones share the record.
#[derive(Clone, Debug)]
pub struct Origin {
    backend: Arc<Backend>,
    requests: Arc<Mutex<Vec<RecordedRequest>>>,
}

#[derive(Debug)]
enum Backend {
    Site(Box<Site>),
    App(Box<app::App>),
}

impl Origin {
    /// A site of this repository's kind, read from its directory.
    ///
    /// # Errors
    /// When the site's description or one of its files cannot be read.
    pub fn site(directory: &std::path::Path) -> Result<Self, SiteError> {
        Ok(Self::new(Backend::Site(Box::new(Site::read(directory)?))))
    }

    /// The user's own application at a plain-HTTP URL such as `http://127.0.0.1:3000`. It gets the `Host` the
    /// visitor asked for, as in production.
    ///
    /// # Errors
    /// When the URL is not `http://host:port`.
    pub fn app(url: &str) -> Result<Self, AppError> {
        Ok(Self::new(Backend::App(Box::new(app::App::at(url)?))))
    }

    fn new(backend: Backend) -> Self {
        Self {
            backend: Arc::new(backend),
            requests: Arc::default(),
        }
    }

    /// Everything that reached this origin, in the order of arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Answers one request and records it on arrival.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let entry = Entry::begin(&self.requests, &request);
        match &*self.backend {
            Backend::Site(site) => {
                let (head, body) = request.into_parts();
                // A site's answers do not depend on the body: read it to its end, then answer.
                match entry.read(body).await {
                    Ok(()) => site.answer(&head.method, head.uri.path()),
                    Err(error) => site::broken_upload(&error),
                }
            }
            Backend::App(app) => {
                let request = request.map(|body| entry.observe(body));
                app.forward(request).await
            }
        }
    }
}
