//! The content coding of responses: what the origin or a worker sent, in a coding that the visitor accepts.
//!
//! Towards origins the edge asks for `gzip, br`, whatever the visitor accepts (see [`headers`](super::headers)), so what
//! comes back may be nothing she can read. The last thing that happens to a response, past a worker as through one, is
//! that it is brought into a form she accepts ([`decide`]), or compressed where it is not yet.
//!
//! What a *worker* gets is as the origin sent it: workerd itself undoes gzip and br when a script reads the body. Other
//! codings reach a script undecoded. Whether the real edge would undo those before a worker sees them is not published;
//! an origin that sends one was not asked for it.

mod accept;
mod decide;
mod head;

use edgeproof_ground::{
    body::{self, Body},
    content_coding::{Coding, CodingError, recoded},
};
use futures_util::{StreamExt, stream};
use http::{
    HeaderMap, Method, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::Body as _;
use http_body_util::{BodyExt, BodyStream, StreamBody};

pub(super) use accept::Accepted;
use decide::Recoding;

/// The response in a form that the visitor accepts. `preferred` are the codings that the zone compresses with, the most
/// wanted first.
///
/// # Errors
/// When the body is not in the coding that its head names, as far as its first piece tells. A fault further on breaks
/// the body off.
pub(super) async fn for_visitor(
    response: Response<Body>,
    method: &Method,
    accepted: &Accepted,
    preferred: &[Coding],
) -> Result<Response<Body>, Box<CodingError>> {
    let (mut head, body) = response.into_parts();
    let length = length(&head.headers, method, &body);
    let decided = decide::decide(accepted, preferred, head.status, &head.headers, length);
    let Some(recoding) = decided else {
        return Ok(Response::from_parts(head, body));
    };
    let is_event_stream = is_event_stream(&head.headers);
    head::rewrite(&mut head.headers, &recoding);
    // The head of a response to HEAD is that of the one to GET.
    let body = if method == Method::HEAD {
        body
    } else {
        let Recoding { undone, applied } = recoding;
        let body = recoded(body, &undone, applied);
        // An event stream may be silent for long, and its client waits for the head.
        if undone.is_empty() || is_event_stream {
            body
        } else {
            begun(body).await?
        }
    };
    Ok(Response::from_parts(head, body))
}

/// The length of a body, where it is known beforehand.
fn length(headers: &HeaderMap, method: &Method, body: &Body) -> Option<u64> {
    let told = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    told.or_else(|| body.size_hint().exact().filter(|_| method != Method::HEAD))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value
            .get(..17)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
    })
}

/// The same body, once its first piece is known to be good. One that breaks off for another reason does so in its place.
async fn begun(mut body: Body) -> Result<Body, Box<CodingError>> {
    let Some(first) = body.frame().await else {
        return Ok(body::empty());
    };
    let first = match first {
        Ok(frame) => Ok(frame),
        Err(error) => match error.downcast::<CodingError>() {
            Ok(error) => return Err(error),
            Err(error) => Err(error),
        },
    };
    let first = stream::once(async move { first });
    Ok(body::stream(StreamBody::new(
        first.chain(BodyStream::new(body)),
    )))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    /// Header fields for the tests of this room.
    pub(super) fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            );
        }
        headers
    }
}
