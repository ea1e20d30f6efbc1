//! Heads as they are kept: the headers in one piece of memory of their own.
//!
//! The values of a header map are slices of what was read from a connection, so that a copy of the map would keep the
//! whole of that, and with it the beginning of a body.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::{RequestHead, ResponseHead};

/// Headers: of each the length of its name and of its value, and both.
#[derive(Debug)]
pub(super) struct PackedHeaders(Box<[u8]>);

/// What the trace keeps of the head of a request.
#[derive(Debug)]
pub struct PackedRequest {
    pub(super) method: Method,
    pub(super) url: Box<str>,
    pub(super) headers: PackedHeaders,
    pub(super) ray: Option<String>,
}

/// What the trace keeps of the head of a response.
#[derive(Debug)]
pub struct PackedResponse {
    pub(super) status: StatusCode,
    pub(super) headers: PackedHeaders,
}

/// Bytes of a length.
const LENGTH: usize = size_of::<u32>();

impl PackedHeaders {
    fn of(headers: &HeaderMap) -> Self {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            2 * LENGTH + name.as_str().len() + value.len()
        };
        let mut packed = Vec::with_capacity(headers.iter().map(line).sum());
        for (name, value) in headers {
            for text in [name.as_str().as_bytes(), value.as_bytes()] {
                // No head has 4 GiB.
                packed.extend(u32::try_from(text.len()).unwrap_or_default().to_ne_bytes());
            }
            packed.extend(name.as_str().as_bytes());
            packed.extend(value.as_bytes());
        }
        Self(packed.into())
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// The headers again.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut rest = &*self.0;
        while let Some((name, value)) = next(&mut rest) {
            headers.append(name, value);
        }
        headers
    }
}

fn next(rest: &mut &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let mut length = || {
        let (length, after) = rest.split_first_chunk::<LENGTH>()?;
        *rest = after;
        usize::try_from(u32::from_ne_bytes(*length)).ok()
    };
    let (name, value) = (length()?, length()?);
    let (name, after) = rest.split_at_checked(name)?;
    let (value, after) = after.split_at_checked(value)?;
    *rest = after;
    Some((
        HeaderName::from_bytes(name).ok()?,
        HeaderValue::from_bytes(value).ok()?,
    ))
}

impl PackedRequest {
    /// How much memory it takes outside of itself.
    pub fn bytes(&self) -> usize {
        self.url.len() + self.headers.bytes()
    }

    /// The head again, without a body.
    pub fn head(&self) -> RequestHead {
        RequestHead {
            method: self.method.clone(),
            url: self.url.to_string(),
            headers: self.headers.headers(),
            body_bytes: 0,
        }
    }

    /// The same under this ray, whatever its headers say.
    #[must_use]
    pub fn of_ray(self, ray: impl Into<String>) -> Self {
        Self {
            ray: Some(ray.into()),
            ..self
        }
    }

    fn new(method: Method, url: String, headers: &HeaderMap) -> Self {
        let ray = headers.get("cf-ray").and_then(|ray| ray.to_str().ok());
        Self {
            method,
            url: url.into(),
            ray: ray.map(str::to_owned),
            headers: PackedHeaders::of(headers),
        }
    }
}

impl From<RequestHead> for PackedRequest {
    fn from(head: RequestHead) -> Self {
        Self::new(head.method, head.url, &head.headers)
    }
}

impl<B> From<&Request<B>> for PackedRequest {
    fn from(request: &Request<B>) -> Self {
        let url = request.uri().to_string();
        Self::new(request.method().clone(), url, request.headers())
    }
}

impl From<ResponseHead> for PackedResponse {
    fn from(head: ResponseHead) -> Self {
        Self {
            status: head.status,
            headers: PackedHeaders::of(&head.headers),
        }
    }
}

impl<B> From<&Response<B>> for PackedResponse {
    fn from(response: &Response<B>) -> Self {
        Self {
            status: response.status(),
            headers: PackedHeaders::of(response.headers()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_out_as_they_went_in() {
        let mut headers = HeaderMap::new();
        assert_eq!(PackedHeaders::of(&headers).headers(), headers);
        for (name, value) in [
            ("set-cookie", "a=1"),
            ("x-own", ""),
            ("set-cookie", "b=\u{fc}"),
        ] {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        assert_eq!(PackedHeaders::of(&headers).headers(), headers);
    }
}
