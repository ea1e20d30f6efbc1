//! Whether the origin runs what reached it: it is asked once more, without an edge in between.

use std::process::Stdio;

use bytes::Bytes;
use edgeproof_ground::{body, trace::Exchange};
use edgeproof_origin::Origin;
use edgeproof_rig::Rig;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Collected};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{
    ProbeError,
    call::Call,
    expand::Content,
    likeness::{Likeness, Sample, likeness},
    request::{WrittenRequest, with_unique},
    send::PATIENCE,
};

/// How it is seen that the origin ran a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sign {
    /// Its response is like that to the plain call.
    #[default]
    Response,
    /// Its response has this header, which it has only where it ran the call.
    Header(HeaderName),
    /// A command prints something else after it ran the call than before.
    Command(String),
}

/// Whether the origin ran a request as the protected call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ran {
    /// The header or the command of the user's say so.
    Certainly,
    /// Its response is that to the plain call.
    Alike,
    /// An origin of this kind was measured to run it.
    Measured,
    /// Nobody can tell: its response to nonsense is the same.
    Perhaps,
    /// It did not.
    Not,
}

impl Ran {
    /// In plain words.
    pub fn says(self) -> &'static str {
        match self {
            Self::Certainly => "the origin ran it",
            Self::Alike => "the origin responds as to the plain call",
            Self::Measured => "measured: origins of this kind run it",
            Self::Perhaps => "the origin responds to nonsense in the same way",
            Self::Not => "the origin does not run it",
        }
    }

    /// Whether it may have.
    pub fn is_possible(self) -> bool {
        self != Self::Not
    }
}

/// What the edge says of the visitor's connection, without which many an app redirects.
const AS_THE_EDGE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-forwarded-proto"),
    HeaderValue::from_static("https"),
);

/// How often the plain call and nonsense are tried.
const SAMPLES: usize = 3;

/// The origin behind the edge, and what it says to the plain call and to nonsense.
pub(super) struct AskedOrigin<'a> {
    rig: &'a Rig,
    call: &'a Call,
    sign: &'a Sign,
    /// The plain call as the edge sends it on.
    plain: Straight,
    plain_samples: Vec<Sample>,
    nonsense_samples: Vec<Sample>,
}

/// A request that is sent straight to the origin.
#[derive(Clone)]
struct Straight {
    method: Method,
    url: Uri,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Straight {
    /// The same with numbers of its own.
    fn anew(&self) -> Self {
        let body = match std::str::from_utf8(&self.body) {
            Ok(text) => Bytes::from(with_unique(text)),
            Err(_) => self.body.clone(),
        };
        Self {
            body,
            ..self.clone()
        }
    }
}

impl<'a> AskedOrigin<'a> {
    /// Learns what the origin says to the plain call and to nonsense. `headers` are those that the edge adds on the way.
    pub(super) async fn learn(
        rig: &'a Rig,
        call: &'a Call,
        content: &Content,
        sign: &'a Sign,
        passed: Option<&Exchange>,
    ) -> Result<Self, ProbeError> {
        let mut headers = match passed {
            Some(hop) => hop.request.headers.clone(),
            None => http::HeaderMap::from_iter([AS_THE_EDGE]),
        };
        // Both belong to a call with signals.
        headers.remove("fp-data");
        headers.remove(header::ORIGIN);
        let plain = super::expand::plain(call, content);
        for (name, value) in &plain.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        let host =
            HeaderValue::try_from(&call.host).map_err(|_| ProbeError::Host(call.host.clone()))?;
        headers.insert(header::HOST, host);
        let url = format!("https://{}{}", call.host, call.path);
        let mut asked = Self {
            rig,
            call,
            sign,
            plain: Straight {
                method: call.method.clone(),
                url: url
                    .parse()
                    .map_err(|_| ProbeError::Path(call.path.clone()))?,
                headers,
                body: Bytes::from(content.body.clone()),
            },
            plain_samples: Vec::new(),
            nonsense_samples: Vec::new(),
        };
        asked.sample().await?;
        asked.check_sign().await?;
        Ok(asked)
    }

    /// A sign that the plain call itself does not give would take every hole for none.
    async fn check_sign(&self) -> Result<(), ProbeError> {
        let why = match self.sign {
            Sign::Response => return Ok(()),
            Sign::Header(name) => {
                let is_seen = self.plain_samples.iter().any(|sample| sample.has(name));
                (!is_seen).then(|| format!("its response has no header `{name}`"))
            }
            Sign::Command(command) => {
                let before = printed(command).await?;
                self.ask(&self.plain.anew()).await?;
                let is_same = printed(command).await? == before;
                is_same.then(|| format!("`{command}` prints the same before and after it"))
            }
        };
        let status = self.plain_status();
        why.map_or(Ok(()), |why| Err(ProbeError::NoSign { status, why }))
    }

    /// Whether the origin can be seen to run the plain call.
    pub(super) fn runs_the_plain_call(&self) -> Ran {
        match self.plain_samples.last() {
            Some(sample) => self.likeness_of(sample),
            None => Ran::Perhaps,
        }
    }

    /// The status of the plain call.
    pub(super) fn plain_status(&self) -> Option<u16> {
        Some(self.plain_samples.first()?.status().as_u16())
    }

    /// Tries the plain call and nonsense again: what an origin says may change while it is asked so often.
    pub(super) async fn sample(&mut self) -> Result<(), ProbeError> {
        for _ in 0..SAMPLES {
            let plain = self.plain.anew();
            // The second time it may be refused, as an account that there is already.
            for _ in 0..2 {
                let plain = self.ask(&plain).await?;
                self.plain_samples.push(plain);
            }
            for path in self.nonsense() {
                let url = format!("https://{}{path}", self.call.host);
                let nonsense = Straight {
                    url: url.parse().map_err(|_| ProbeError::Path(path))?,
                    ..self.plain.anew()
                };
                let nonsense = self.ask(&nonsense).await?;
                self.nonsense_samples.push(nonsense);
            }
        }
        for samples in [&mut self.plain_samples, &mut self.nonsense_samples] {
            let mut known: Vec<Sample> = Vec::new();
            for sample in samples.drain(..) {
                if !known.contains(&sample) {
                    known.push(sample);
                }
            }
            *samples = known;
        }
        Ok(())
    }

    /// Paths that no origin has: in the folder of the call, and at the root.
    fn nonsense(&self) -> [String; 2] {
        let (folder, _) = self.call.path.rsplit_once('/').unwrap_or_default();
        let word = || (0..12).map(|_| fastrand::lowercase()).collect::<String>();
        [format!("{folder}/{}", word()), format!("/{}", word())]
    }

    /// Whether the origin ran what arrived there.
    pub(super) async fn ran(&self, arrived: &Exchange) -> Result<Ran, ProbeError> {
        let request = &arrived.request;
        let url: Uri = request
            .url
            .parse()
            .map_err(|_| ProbeError::Path(request.url.clone()))?;
        let host = url.host().unwrap_or_default();
        let body = self.origin(host)?.latest().map(|latest| latest.body.start);
        let straight = Straight {
            method: request.method.clone(),
            headers: request.headers.clone(),
            body: body.unwrap_or_default().into(),
            url,
        };
        let (ran, _) = self.ran_as(&straight).await?;
        Ok(ran)
    }

    async fn ran_as(&self, straight: &Straight) -> Result<(Ran, Option<u16>), ProbeError> {
        let before = match self.sign {
            Sign::Command(command) => Some((command, printed(command).await?)),
            Sign::Response | Sign::Header(_) => None,
        };
        let sample = match self.ask(straight).await {
            Ok(sample) => Some(sample),
            // Who ends the connection, or keeps silent, says nothing.
            Err(ProbeError::Origin(_)) => None,
            Err(error) => return Err(error),
        };
        let ran = match (before, &sample) {
            // With or without a response: the command says what came of it.
            (Some((command, before)), _) => match printed(command).await? == before {
                true => Ran::Not,
                false => Ran::Certainly,
            },
            (None, Some(sample)) => self.likeness_of(sample),
            (None, None) => Ran::Not,
        };
        Ok((ran, sample.map(|sample| sample.status().as_u16())))
    }

    /// Whether what a visitor got is what the origin says to the plain call.
    pub(super) fn said(&self, response: &Response<Bytes>, method: &str, path: &str) -> Ran {
        let body = (method != "HEAD").then_some(&**response.body());
        let (status, headers) = (response.status(), response.headers());
        self.likeness_of(&Sample::of(status, headers, body, path))
    }

    /// Whether the origin runs a request that somebody sends to its own address, and the status of the response.
    pub(super) async fn ran_straight(
        &self,
        request: &WrittenRequest,
    ) -> Result<(Ran, Option<u16>), ProbeError> {
        // Who knows the address knows what the edge adds, too.
        let mut headers = http::HeaderMap::from_iter([AS_THE_EDGE]);
        let host = ("host".to_owned(), request.host.clone());
        for (name, value) in request.headers.iter().chain([&host]) {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.append(name, value);
            }
        }
        let url = format!("https://{}{}", request.host, request.target);
        let straight = Straight {
            method: self.call.method.clone(),
            url: url.parse().map_err(|_| ProbeError::Path(url.clone()))?,
            headers,
            body: Bytes::from(request.body.clone()),
        };
        self.ran_as(&straight).await
    }

    fn likeness_of(&self, sample: &Sample) -> Ran {
        if let Sign::Header(name) = self.sign {
            return match sample.has(name) {
                true => Ran::Certainly,
                false => Ran::Not,
            };
        }
        match likeness(sample, &self.plain_samples, &self.nonsense_samples) {
            Likeness::Plain => Ran::Alike,
            Likeness::Both => Ran::Perhaps,
            Likeness::Other => Ran::Not,
        }
    }

    /// A name with a dot at its end is the same name.
    fn origin(&self, host: &str) -> Result<&Origin, ProbeError> {
        self.rig
            .origin(host.strip_suffix('.').unwrap_or(host))
            .ok_or_else(|| ProbeError::Host(host.to_owned()))
    }

    /// Sends a request to the origin past the edge and past its record.
    async fn ask(&self, straight: &Straight) -> Result<Sample, ProbeError> {
        let host = straight.url.host().unwrap_or_default();
        let mut request = Request::new(body::full(straight.body.clone()));
        *request.method_mut() = straight.method.clone();
        *request.uri_mut() = straight.url.clone();
        *request.headers_mut() = straight.headers.clone();
        let headers = request.headers_mut();
        // What is compared is not compressed, and of the length that it has.
        headers.remove(header::ACCEPT_ENCODING);
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::EXPECT);
        if !straight.body.is_empty() || headers.contains_key(header::CONTENT_LENGTH) {
            headers.insert(
                header::CONTENT_LENGTH,
                HeaderValue::from(straight.body.len()),
            );
        }
        let origin = self.origin(host)?.aside();
        let responded = async {
            let response = origin.response(request).await;
            let (head, body) = response
                .map_err(|failure| ProbeError::Origin(failure.cause))?
                .into_parts();
            // What switches protocols has no end.
            let body = match head.status {
                StatusCode::SWITCHING_PROTOCOLS => Bytes::new(),
                _ => body
                    .collect()
                    .await
                    .map(Collected::to_bytes)
                    .unwrap_or_default(),
            };
            let body = (straight.method != Method::HEAD).then_some(&*body);
            Ok::<_, ProbeError>(Sample::of(
                head.status,
                &head.headers,
                body,
                straight.url.path(),
            ))
        };
        let silent = |_| {
            Err(ProbeError::Origin(format!(
                "no response within {} s",
                PATIENCE.as_secs()
            )))
        };
        timeout(PATIENCE, responded).await.unwrap_or_else(silent)
    }
}

/// What a command prints.
async fn printed(command: &str) -> Result<Vec<u8>, ProbeError> {
    let output = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(ProbeError::Command)?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(ProbeError::CommandFailed(command.to_owned(), output.status)),
    }
}
