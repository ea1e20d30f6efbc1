//! A client that hangs up. What is made for it is dropped with its connection or its stream; here the trace is told.
//!
//! The client is the visitor, or the worker of another zone. One that closes the sending half of its connection and
//! still listens counts as gone: TCP does not tell the two apart before something is written, and nginx, which the
//! edge descends from, decides so (`proxy_ignore_client_abort` is off). Assumption: Cloudflare publishes nothing of it.
//!
//! In HTTP/1 an upload that nobody reads hides the end of its connection behind its own bytes; it is seen when they are
//! read.

use std::{error::Error, io, sync::Arc};

use bytes::Bytes;
use edgeproof_ground::{
    body::{Body, BodyError, Observer, observed},
    trace::Hop,
};
use tokio::sync::Notify;

/// Says that the client hung up where it is dropped before its time.
pub(super) struct Waiting {
    /// None when there is nothing to say.
    hop: Option<Hop>,
    when: &'static str,
}

/// To be held until there is a response.
pub(super) fn before_response(hop: &Hop) -> Waiting {
    Waiting {
        hop: Some(hop.clone()),
        when: "before the response",
    }
}

/// The body of a response, which the client may not want to the end.
pub(super) fn noted_in(body: Body, hop: &Hop) -> Body {
    let waiting = Waiting {
        hop: Some(hop.clone()),
        when: "in the body of the response",
    };
    observed(body, waiting)
}

impl Waiting {
    /// The client got what it waited for, or did not for another reason.
    pub(super) fn over(mut self) {
        self.hop = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(hop) = &self.hop {
            hop.then(&format!("the {} hung up {}", hop.from(), self.when));
        }
    }
}

impl Observer for Waiting {
    fn data(&mut self, _: &Bytes) -> Result<(), BodyError> {
        Ok(())
    }

    fn ended(self) {
        self.over();
    }

    fn broke_off(self, _: &BodyError) {
        self.over();
    }
}

/// Tells that the body of a request has broken off.
#[derive(Clone, Debug, Default)]
pub(super) struct BrokenOff(Arc<Notify>);

impl BrokenOff {
    /// Comes back when it has; never where the body comes whole.
    pub(super) async fn happened(&self) {
        self.0.notified().await;
    }
}

/// The same body of a request, and what tells when it breaks off.
pub(super) fn watched(body: Body, hop: &Hop) -> (Body, BrokenOff) {
    let broken_off = BrokenOff::default();
    let upload = Upload {
        hop: hop.clone(),
        broken_off: broken_off.clone(),
    };
    (observed(body, upload), broken_off)
}

struct Upload {
    hop: Hop,
    broken_off: BrokenOff,
}

impl Observer for Upload {
    fn data(&mut self, _: &Bytes) -> Result<(), BodyError> {
        Ok(())
    }

    fn broke_off(self, error: &BodyError) {
        let outcome = if is_malformed(error) {
            "the body of the request is malformed".to_owned()
        } else {
            format!("the {} hung up in the body of the request", self.hop.from())
        };
        self.hop.then(&outcome);
        self.broken_off.0.notify_one();
    }
}

/// Whether what came is no body, such as a chunk without a size. Otherwise nothing came any more.
fn is_malformed(error: &BodyError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            );
        }
        cause = error.source();
    }
    false
}
