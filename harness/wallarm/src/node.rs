//! The node while it runs: reads a request whole, decides, remembers.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use edgeproof_ground::{
    body::{self, Body},
    memory::Memory,
};
use edgeproof_internet::{Decided, Handled, Handler};
use edgeproof_origin::{RecordedRequest, Requests};
use http::{HeaderMap, Request, Response, StatusCode, header, request};
use http_body_util::BodyExt;
use tokio::sync::Notify;

use super::{
    Attack, Changes, Decision, Hit, Mode, NodeSettings,
    attacks::Attacks,
    detect::{self, AttackType, Finding, Inspected, Point},
    graylisting::{self, Payloads},
    lists::Lists,
    settings::is_allowed,
};

/// How large a body it takes, in bytes: as much as Cloudflare does. A larger one is answered with 413.
const BODY_LIMIT: usize = 100_000_000;

/// nginx's own page for 403: what a node answers where no other is set up.
const BLOCK_PAGE: &str = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

/// A filtering node. Clones share everything.
#[derive(Clone)]
pub struct WallarmNode {
    shared: Arc<Shared>,
}

struct Shared {
    settings: NodeSettings,
    state: Mutex<State>,
    requests: Requests,
    /// Requests that have arrived and are not decided about yet.
    under_way: AtomicUsize,
    /// Told whenever a request is under way no more.
    decided: Notify,
}

struct State {
    mode: Mode,
    lists: Lists,
    payloads: Payloads,
    attacks: Attacks,
}

/// A request until it is decided about, or until the worker that sent it gave up.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.under_way.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.decided.notify_waiters();
    }
}

/// What becomes of one request.
struct Verdict {
    status: StatusCode,
    reason: String,
}

impl WallarmNode {
    /// A node that has seen nothing yet.
    pub fn new(settings: NodeSettings) -> Self {
        Self::keeping_in(settings, &Memory::default())
    }

    /// The same, whose records are a part of what this has room for.
    pub fn keeping_in(settings: NodeSettings, memory: &Memory) -> Self {
        let now = settings.clock.now();
        let state = State {
            mode: settings.mode,
            lists: Lists {
                allow: settings.allowlist.clone().counting_from(now),
                deny: settings.denylist.clone().counting_from(now),
                gray: settings.graylist.clone().counting_from(now),
            },
            payloads: Payloads::new(memory),
            attacks: Attacks::new(memory),
        };
        Self {
            shared: Arc::new(Shared {
                settings,
                state: Mutex::new(state),
                requests: Requests::new(memory),
                under_way: AtomicUsize::new(0),
                decided: Notify::new(),
            }),
        }
    }

    /// The attacks so far, the oldest first, as far as they are kept.
    pub fn attacks(&self) -> Vec<Attack> {
        self.state().attacks.list()
    }

    /// The attacks with a hit after the first `hits` of the node, the oldest first, and how many hits there are now.
    pub fn attacks_since(&self, hits: u64) -> (Vec<Attack>, u64) {
        let state = self.state();
        (state.attacks.since(hits), state.attacks.hits())
    }

    /// Whether attacks had to make room for what came later.
    pub fn has_forgotten_attacks(&self) -> bool {
        self.state().attacks.has_forgotten()
    }

    /// What reached the node, in the order of arrival, as far as it is kept.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.requests.all()
    }

    /// How many of the oldest requests are no longer kept.
    pub fn forgotten_requests(&self) -> usize {
        self.shared.requests.forgotten()
    }

    /// How strict it is now.
    pub fn mode(&self) -> Mode {
        self.state().mode
    }

    /// Changes what is stated; the rest stays.
    pub fn change(&self, changes: Changes) {
        let now = self.shared.settings.clock.now();
        let mut state = self.state();
        let State { mode, lists, .. } = &mut *state;
        if let Some(changed) = changes.mode {
            *mode = changed;
        }
        for (list, changed) in [
            (&mut lists.allow, changes.allowlist),
            (&mut lists.deny, changes.denylist),
            (&mut lists.gray, changes.graylist),
        ] {
            if let Some(changed) = changed {
                *list = changed.counting_from(now);
            }
        }
    }

    /// Whether every request that has arrived is decided about.
    pub fn is_idle(&self) -> bool {
        self.shared.under_way.load(Ordering::SeqCst) == 0
    }

    /// Waits until this holds, which is asked now and after every decision of the node.
    ///
    /// Without a limit of its own: what never comes true is waited for until the future is dropped.
    pub async fn until(&self, mut holds: impl FnMut(&Self) -> bool) {
        loop {
            let decided = self.shared.decided.notified();
            tokio::pin!(decided);
            // From here on a decision is not missed.
            decided.as_mut().enable();
            if holds(self) {
                return;
            }
            decided.await;
        }
    }

    async fn response(&self, request: Request<Body>) -> Response<Body> {
        let _under_way = UnderWay::begin(&self.shared);
        let entry = self.shared.requests.begin(&request);
        let (head, body) = request.into_parts();
        let verdict = self.verdict(head, entry.observe(body)).await;
        let mut response = match verdict.status {
            StatusCode::OK => Response::new(body::empty()),
            StatusCode::FORBIDDEN => {
                let mut response = Response::new(body::full(BLOCK_PAGE));
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    header::HeaderValue::from_static("text/html"),
                );
                response
            }
            _ => Response::new(body::empty()),
        };
        *response.status_mut() = verdict.status;
        response.extensions_mut().insert(Decided(verdict.reason));
        response
    }

    async fn verdict(&self, head: request::Parts, body: Body) -> Verdict {
        let settings = &self.shared.settings;
        let host = host(&head.headers);
        if !is_allowed(&settings.hosts, &host) {
            return Verdict::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("the node does not work for `{host}`"),
            );
        }
        let body = match read(body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(verdict) => return verdict,
        };
        let request = Arrived {
            ip: client(&head.headers),
            host,
            head,
            body,
        };
        let now = settings.clock.now();
        let (mode, standing) = {
            let state = self.state();
            (state.mode, state.lists.standing(request.ip, now))
        };
        if let Some(decision) = Decision::before_analysis(mode, standing) {
            if decision.blocks {
                self.record(&request, now, &[denied()], decision);
            }
            return Verdict::of(decision, mode, &[]);
        }
        let (request, findings) = match tokio::task::spawn_blocking(move || {
            let findings = request.findings();
            (request, findings)
        })
        .await
        {
            Ok(found) => found,
            // As nginx does where a module fails: it goes on without it (`wallarm_fallback on`).
            Err(_) => {
                return Verdict::new(StatusCode::OK, format!("mode {mode}: the analysis failed"));
            }
        };
        let malicious = findings
            .iter()
            .any(|finding| finding.attack.has_payload() || settings.overlimit_is_attack);
        let decision = Decision::after_analysis(mode, standing, malicious);
        self.record(&request, now, &findings, decision);
        Verdict::of(decision, mode, &findings)
    }

    fn record(&self, request: &Arrived, now: i64, findings: &[Finding], decision: Decision) {
        let id = format!("{:032x}", fastrand::u128(..));
        let mut state = self.state();
        for finding in findings {
            // What only carries the request past a limit counts as blocked only where the request was.
            state.attacks.add(request.hit(finding, &id, now, decision));
            if finding.attack.has_payload() && state.payloads.add(request.ip, &finding.payload, now)
            {
                state.lists.gray.put(request.ip, now, graylisting::STAY);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state whole: each change is one insertion.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for WallarmNode {
    fn handle(&self, request: Request<Body>) -> Handled {
        let node = self.clone();
        Box::pin(async move { Ok(node.response(request).await) })
    }
}

impl Verdict {
    fn new(status: StatusCode, reason: String) -> Self {
        Self { status, reason }
    }

    fn of(decision: Decision, mode: Mode, findings: &[Finding]) -> Self {
        let status = if decision.blocks {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        let word = if decision.blocks { "blocked" } else { "passed" };
        let mut reason = format!("{word} in mode {mode}: {}", decision.reason);
        for finding in findings {
            reason.push_str(&format!(
                "; {} at {} ({})",
                finding.attack, finding.point, finding.sign
            ));
        }
        Self { status, reason }
    }
}

/// The whole body, or what is answered where there is none.
async fn read(mut body: Body, limit: usize) -> Result<Bytes, Verdict> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Verdict::new(
                StatusCode::BAD_REQUEST,
                format!("the body broke off: {error}"),
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len() + data.len() > limit {
            let reason = format!("the body is larger than {limit} bytes");
            return Err(Verdict::new(StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// A request that was read to its end.
struct Arrived {
    ip: IpAddr,
    host: String,
    head: request::Parts,
    body: Bytes,
}

impl Arrived {
    fn findings(&self) -> Vec<Finding> {
        let path_and_query = self
            .head
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str());
        detect::detect(
            Inspected {
                path_and_query,
                headers: &self.head.headers,
                body: &self.body,
            },
            detect::Limits::default(),
        )
    }

    fn hit(&self, finding: &Finding, id: &str, now: i64, decision: Decision) -> Hit {
        Hit {
            attack: finding.attack,
            ip: self.ip,
            remote_country: text(&self.head.headers, "cf-ipcountry"),
            method: self.head.method.to_string(),
            domain: self.host.clone(),
            path: self.head.uri.path().to_owned(),
            point: finding.point.clone(),
            value: finding.payload.clone(),
            stamp: finding.sign.to_owned(),
            size: self.body.len(),
            statuscode: if decision.blocks { 403 } else { 200 },
            blocked: decision.blocks,
            time: now,
            request_id: id.to_owned(),
            application: Hit::APPLICATION,
        }
    }
}

/// What a request of the denylist is listed as; nobody looks for attacks in it.
fn denied() -> Finding {
    Finding {
        attack: AttackType::BlockedSource,
        point: Point::part("remote_addr"),
        payload: String::new(),
        sign: "denylist",
    }
}

/// The host the visitor asked for; the request's own `Host` is the node's.
fn host(headers: &HeaderMap) -> String {
    text(headers, "x-forwarded-host")
        .or_else(|| text(headers, "host"))
        .unwrap_or_default()
}

/// The visitor's address, as the node's `real_ip_header CF-Connecting-IP` takes it; without one, that of nobody.
fn client(headers: &HeaderMap) -> IpAddr {
    let forwarded = || {
        text(headers, "x-forwarded-for").and_then(|list| list.split(',').next().map(str::to_owned))
    };
    text(headers, "cf-connecting-ip")
        .or_else(forwarded)
        .and_then(|address| address.trim().parse().ok())
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_413() {
        let whole = read(body::full("1234"), 4).await;
        assert!(whole.is_ok_and(|whole| whole == "1234"));
        let refused = read(body::full("12345"), 4).await.err().unwrap();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(refused.reason, "the body is larger than 4 bytes");
    }
}
