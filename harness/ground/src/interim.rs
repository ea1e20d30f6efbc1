//! Interim responses (RFC 9110 §15.2), such as 103 Early Hints, on their way past the parts that know final responses only.

use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode};

use crate::hop_by_hop::remove_hop_by_hop;

/// Takes the interim responses to one request. It is among the extensions of the request until a server is asked that
/// may send some; where it gets lost, as in a worker, the client gets the final response alone.
#[derive(Clone)]
pub struct Interim(Arc<dyn Fn(Response<()>) + Send + Sync>);

impl Interim {
    /// Gives each to `client`, in the order in which they come.
    pub fn to(client: impl Fn(Response<()>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(client))
    }

    /// Passes on what a server has sent before its final response. A proxy forwards every interim response that it did not
    /// ask for itself (RFC 9110 §15.2): each but 100, which the one who reads the body gives the client.
    fn pass(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let passes = status.is_informational()
            && status != StatusCode::CONTINUE
            && status != StatusCode::SWITCHING_PROTOCOLS;
        if passes {
            let mut response = Response::new(());
            *response.status_mut() = status;
            *response.headers_mut() = headers.clone();
            remove_hop_by_hop(response.headers_mut());
            (self.0)(response);
        }
        passes
    }
}

/// What passes interim responses on to the one who is to have them, among the extensions of a request.
#[derive(Clone)]
pub struct PassOn(Arc<Receiver>);

type Receiver = dyn Fn(StatusCode, &HeaderMap) + Send + Sync;

impl PassOn {
    /// Passes on one that has come.
    pub fn response<B>(&self, response: &Response<B>) {
        (self.0)(response.status(), response.headers());
    }
}

/// From now on the interim responses that a server gives to this request go to who is to have them; `passed` is told of
/// each. hyper's client tells of those over HTTP/1.1; the one who asks over HTTP/2 gives them to the [`PassOn`] of the request.
pub fn pass_on<B>(request: &mut Request<B>, passed: impl Fn(StatusCode) + Send + Sync + 'static) {
    let Some(interim) = request.extensions_mut().remove::<Interim>() else {
        return;
    };
    let pass_on = PassOn(Arc::new(move |status, headers| {
        if interim.pass(status, headers) {
            passed(status);
        }
    }));
    let over_http1 = pass_on.clone();
    hyper::ext::on_informational(request, move |response| {
        (over_http1.0)(response.status(), response.headers());
    });
    request.extensions_mut().insert(pass_on);
}
