//! One probe: every shape of one protected call is sent to the edge of a rig, and what reached the origin is judged.

use std::collections::HashSet;

use edgeproof_deployment::ConnectorMode;
use edgeproof_ground::redaction::{Redactor, is_secret, secrets_in};
use edgeproof_rig::{Description, Rig};
use http::Response;

use super::{
    ProbeError,
    around::{around, connector, origin_secret, page},
    call::Call,
    expand::{Content, expand, plain},
    frameworks::Framework,
    judge::{Fate, RequestPath, is_uninspected},
    mend::Mend,
    outcome::{Finding, Outcome, SentOver},
    ran::{AskedOrigin, Ran, Sign},
    request::{UNIQUE, WrittenRequest, unique},
    send::{Over, Sender, Sent},
    shape::{Made, Shape, ShapeId},
    signals::Signalling,
    table::{Past, families},
};

/// After how many shapes the plain call and nonsense are tried again.
const UNTIL_NEXT_SAMPLE: usize = 100;

/// Bytes of a body that are shown.
const MOST_SHOWN: usize = 2048;

/// What is said where nothing but its address protects the origin.
const OPEN_ADDRESS: &str = "whoever knows the origin's own address makes this call past the edge: the origin runs it without \
    anything that only the worker sends. Let it demand a header (`origin_secret`), or let nobody but Cloudflare reach it (a tunnel, \
    Authenticated Origin Pulls, a firewall)";

/// What is probed, and how.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The protected API, as the deployment has it.
    pub api: String,
    /// The plain call.
    pub call: Call,
    /// What goes with it.
    pub content: Content,
    /// How it is seen that the origin ran a call.
    pub sign: Sign,
    /// A framework that was measured, in place of the origin behind the edge.
    pub framework: Option<&'a Framework>,
    /// The visitor who sends.
    pub visitor: String,
    /// Only these shapes, by name.
    pub only: Option<HashSet<String>>,
}

/// How far a probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Shapes that are judged.
    pub done: usize,
    /// All shapes.
    pub all: usize,
}

/// The shape that is the plain call: where it passes without signals, nothing is protected.
fn plain_shape(call: &Call, content: &Content) -> Shape {
    Shape {
        id: ShapeId {
            family: "plain",
            row: "call",
            rule: "call".to_owned(),
            place: None,
        },
        says: "the plain call without signals",
        reads: &[],
        request: plain(call, content),
        signals: None,
        before: None,
        past: Past::Identification,
        straight: false,
    }
}

/// Sends every shape of the call and judges what became of it.
///
/// # Errors
/// Where the origin does not respond to the plain call, or the harness cannot do its part.
pub async fn probe(
    rig: &Rig,
    options: &Options<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Outcome, ProbeError> {
    let description = rig.description();
    let (call, content) = (&options.call, &options.content);
    let mut shapes = vec![plain_shape(call, content)];
    shapes.extend(expand(
        families(),
        call,
        content,
        &around(&description, call),
    )?);
    if let Some(only) = &options.only {
        shapes.retain(|shape| only.contains(&shape.id.to_string()));
    }
    // A framework that was measured has no address.
    shapes.retain(|shape| !shape.straight || options.framework.is_none());
    let clock = description.fingerprint.clock.clone();
    let mut prober = Prober {
        sender: Sender::new(rig, &options.visitor)?,
        signalling: Signalling::new(clock, page(&description, call)),
        redactor: redactor(content),
        description: &description,
        options,
    };
    let control = prober.control().await?;
    let passed = control
        .as_ref()
        .and_then(|sent| sent.path.at_origin.as_ref());
    let mut asked = match options.framework {
        None => Some(AskedOrigin::learn(rig, call, content, &options.sign, passed).await?),
        Some(_) => None,
    };
    let mut findings = Vec::with_capacity(shapes.len());
    for (index, shape) in shapes.iter().enumerate() {
        progress(Progress {
            done: index,
            all: shapes.len(),
        });
        if let Some(asked) = asked
            .as_mut()
            .filter(|_| index % UNTIL_NEXT_SAMPLE == UNTIL_NEXT_SAMPLE - 1)
        {
            asked.sample().await?;
        }
        findings.push(prober.finding(shape, asked.as_ref()).await?);
    }
    progress(Progress {
        done: shapes.len(),
        all: shapes.len(),
    });
    let control = control.map_or(Fate::Unanswered, |sent| sent.path.fate);
    let mut notes = notes(control, asked.as_ref(), options);
    if let (None, Some(asked)) = (origin_secret(&description), &asked) {
        let (ran, _) = asked.ran_straight(&plain(call, content).anew()).await?;
        notes.extend(ran.is_possible().then(|| OPEN_ADDRESS.to_owned()));
    }
    Ok(Outcome {
        api: options.api.clone(),
        call: format!("{} https://{}{}", call.method, call.host, call.path),
        origin: origin_name(&description, options),
        notes,
        control,
        findings,
    })
}

/// Tags of scripts in the page that came back.
fn scripts(sent: &Sent) -> usize {
    let body = sent.response.as_ref().map(Response::body);
    let text = String::from_utf8_lossy(body.map_or(&[][..], |body| body));
    text.to_ascii_lowercase().matches("<script").count()
}

/// What a probe works with.
struct Prober<'a> {
    sender: Sender,
    signalling: Signalling,
    redactor: Redactor,
    description: &'a Description,
    options: &'a Options<'a>,
}

impl Prober<'_> {
    /// The plain call with good signals, which has to reach the origin.
    async fn control(&mut self) -> Result<Option<Sent>, ProbeError> {
        let mut request = plain(&self.options.call, &self.options.content);
        let signals = self.signalling.make(Made::Good)?;
        request.headers.push(("fp-data".to_owned(), signals));
        // As the page's own script sends it.
        let origin = format!("https://{}", self.options.call.host);
        request.headers.push(("origin".to_owned(), origin));
        Ok(self.sender.over_http1(&request.anew()).await)
    }

    async fn finding(
        &mut self,
        shape: &Shape,
        asked: Option<&AskedOrigin<'_>>,
    ) -> Result<Finding, ProbeError> {
        let mut results = Vec::new();
        if let (true, Some(asked)) = (shape.straight, asked) {
            results.push(straight(shape, asked).await?);
        }
        let through_the_edge = [Over::Http1, Over::Http2];
        for over in through_the_edge.into_iter().filter(|_| !shape.straight) {
            if let Some(sent) = self.sent(over, shape).await? {
                results.push(self.result(over, &sent, shape, asked).await?);
            }
        }
        let hole = results.iter().find(|result| result.is_hole());
        let options = self.options;
        Ok(Finding {
            shape: shape.id.to_string(),
            family: shape.id.family.to_owned(),
            row: shape.id.row.to_owned(),
            rule: shape.id.rule.clone(),
            says: shape.says.to_owned(),
            sent: self.written(shape),
            mend: hole
                .map(|hole| Mend::of(self.description, &options.call, &options.api, shape, hole)),
            results,
            accepted: false,
        })
    }

    /// Sends a shape, and before it what somebody else sends; nothing where it cannot be sent so.
    async fn sent(&mut self, over: Over, shape: &Shape) -> Result<Option<Sent>, ProbeError> {
        let number = unique();
        if over == Over::Http2 && shape.request.numbered(&number).over_http2().is_none() {
            return Ok(None);
        }
        if shape.signals == Some(Made::Replayed) {
            // What was used long ago is refused for its age.
            self.control().await?;
        }
        if let Some((before, signals)) = &shape.before {
            let before = self.signed(before.numbered(&number), *signals)?;
            self.sender.over_http1(&before).await;
        }
        let request = self.signed(shape.request.numbered(&number), shape.signals)?;
        Ok(match (over, request.over_http2()) {
            (Over::Http1, _) => self.sender.over_http1(&request).await,
            (Over::Http2, Some(request)) => Some(self.sender.over_http2(request).await),
            (Over::Http2, None) => None,
        })
    }

    /// The request with signals that are made for it.
    fn signed(
        &mut self,
        mut request: WrittenRequest,
        signals: Option<Made>,
    ) -> Result<WrittenRequest, ProbeError> {
        if let Some(made) = signals {
            let signals = self.signalling.make(made)?;
            request.headers.push(("fp-data".to_owned(), signals));
        }
        Ok(request)
    }

    async fn result(
        &self,
        over: Over,
        sent: &Sent,
        shape: &Shape,
        asked: Option<&AskedOrigin<'_>>,
    ) -> Result<SentOver, ProbeError> {
        let arrived = sent.path.at_origin.as_ref();
        let fate = self.fate(sent, shape).await;
        let ran = match (shape.past, fate) {
            (Past::Identification, Fate::Unprotected | Fate::Cached) => {
                Some(self.ran(sent, shape, asked).await?)
            }
            (_, Fate::Unprotected | Fate::Cached) => Some(Ran::Not),
            _ => None,
        };
        Ok(SentOver {
            over,
            fate,
            status: sent.status().map(|status| status.as_u16()),
            ran,
            arrived: arrived.map(|hop| format!("{} {}", hop.request.method, hop.request.url)),
            decision: sent.path.decision.clone(),
            worker_ran: sent.path.worker_ran,
        })
    }

    /// What became of a shape, in view of what it is to get past.
    async fn fate(&self, sent: &Sent, shape: &Shape) -> Fate {
        let fate = sent.path.fate;
        match shape.past {
            Past::Inspection => {
                let mode = connector(self.description).map(|connector| connector.mode);
                let decides = mode == Some(ConnectorMode::Inline);
                let passed = |path: &RequestPath| is_uninspected(&path.hops, decides);
                let is_seen = |path: &RequestPath| !passed(path);
                // A node that watches may get its copy after the visitor has the response.
                let is_past =
                    passed(&sent.path) && (decides || !self.sender.comes_to(sent, is_seen).await);
                if is_past { Fate::Uninspected } else { fate }
            }
            Past::Instrumentation if fate == Fate::Cached => {
                let fresh = shape.request.anew();
                let whole = self.sender.over_http1(&fresh).await;
                match scripts(sent) < whole.as_ref().map_or(0, scripts) {
                    true => Fate::Uninstrumented,
                    false => fate,
                }
            }
            // Whoever passes with another's signals was not identified.
            Past::Identification
                if fate == Fate::Identified
                    && shape.signals.is_some_and(|made| !made.identify()) =>
            {
                Fate::Unprotected
            }
            Past::Identification | Past::Instrumentation => fate,
        }
    }

    /// Whether the origin ran what got there unprotected, or a cache has what it says to the plain call.
    async fn ran(
        &self,
        sent: &Sent,
        shape: &Shape,
        asked: Option<&AskedOrigin<'_>>,
    ) -> Result<Ran, ProbeError> {
        if let Some(framework) = self.options.framework {
            let runs = framework.runs(shape.id.family, &shape.id.rule);
            return Ok(match sent.path.fate {
                // Somebody with signals had made the plain call.
                Fate::Cached if shape.before.is_some() => Ran::Perhaps,
                _ if runs => Ran::Measured,
                _ => Ran::Not,
            });
        }
        Ok(match (asked, &sent.path.at_origin, &sent.response) {
            (Some(asked), Some(arrived), _) => asked.ran(arrived).await?,
            (Some(asked), None, Some(response)) => {
                asked.said(response, &shape.request.method, &self.options.call.path)
            }
            _ => Ran::Perhaps,
        })
    }

    /// The request as it is shown.
    fn written(&self, shape: &Shape) -> String {
        let mut request: WrittenRequest = shape.request.clone();
        for (_, value) in &mut request.headers {
            *value = value.replace(UNIQUE, "1");
        }
        if let Some(made) = shape.signals {
            request.headers.push((
                "fp-data".to_owned(),
                format!("({made:?} signals)").to_lowercase(),
            ));
        }
        let scheme = match request.scheme {
            super::request::Scheme::Http => "http",
            super::request::Scheme::Https => "https",
        };
        let length = request.body.len();
        if length > MOST_SHOWN {
            request
                .body
                .truncate(request.body.floor_char_boundary(MOST_SHOWN));
            request.body.push_str(&format!("… ({length} bytes)"));
        }
        let text = self.redactor.without_known(&request.text());
        let text = before(shape) + &text;
        match shape.id.family {
            "transport" | "authority" => format!("({scheme}://{})\r\n{text}", request.to),
            _ if shape.straight => format!("(to the origin's own address)\r\n{text}"),
            _ => text,
        }
    }
}

/// What comes of a shape that goes to the origin's own address.
async fn straight(shape: &Shape, asked: &AskedOrigin<'_>) -> Result<SentOver, ProbeError> {
    let request = shape.request.anew();
    let (ran, status) = asked.ran_straight(&request).await?;
    Ok(SentOver {
        over: Over::Http1,
        fate: Fate::Unprotected,
        status,
        ran: Some(ran),
        arrived: Some(format!(
            "{} https://{}{}",
            request.method, request.host, request.target
        )),
        decision: Some("sent to the origin's own address, past the edge".to_owned()),
        worker_ran: false,
    })
}

/// What somebody else sends before, in a line of its own.
fn before(shape: &Shape) -> String {
    let Some((before, signals)) = &shape.before else {
        return String::new();
    };
    let mut said = format!("(after {} {}", before.method, before.target);
    if signals.is_some() {
        said.push_str(" with signals");
    }
    for (name, value) in &before.headers {
        if !shape
            .request
            .headers
            .contains(&(name.clone(), value.clone()))
        {
            said.push_str(&format!(", {name}: {value}"));
        }
    }
    said + ")\r\n"
}

/// Hides what the user gave and what a name says is secret; what the table has is public.
fn redactor(content: &Content) -> Redactor {
    let headers = content.headers.iter();
    let named = headers
        .filter(|(name, _)| is_secret(name))
        .map(|(_, value)| &**value);
    Redactor::knowing(named.chain(secrets_in(&content.body)))
}

/// What stands behind the edge, in words.
fn origin_name(description: &Description, options: &Options<'_>) -> String {
    if let Some(framework) = options.framework {
        return format!(
            "{} ({}, measured {})",
            framework.name, framework.version, framework.measured
        );
    }
    let mut hosts = description.zones.values().flat_map(|zone| &zone.hosts);
    let host = hosts
        .find(|(name, _)| **name == options.call.host)
        .map(|(_, host)| host);
    match host.map(|host| (&host.site, &host.app)) {
        Some((Some(site), _)) => format!("the site {site}"),
        Some((_, Some(app))) => match &app.launch {
            Some(launch) => format!("the app of `{}`", launch.command),
            None => format!("the app at {}", app.address),
        },
        _ => "nothing".to_owned(),
    }
}

/// What has to be known to read the outcome.
fn notes(control: Fate, asked: Option<&AskedOrigin<'_>>, options: &Options<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    match control {
        Fate::Identified | Fate::Unprotected => {}
        other => notes.push(format!(
            "the plain call with good signals was {}: what is blocked may be blocked for another reason",
            other.says()
        )),
    }
    if control == Fate::Unprotected {
        notes.push(
            "the plain call with good signals reached the origin without an identification"
                .to_owned(),
        );
    }
    if let Some(asked) = asked {
        let status = asked
            .plain_status()
            .map_or(String::new(), |status| format!(" (status {status})"));
        if asked.runs_the_plain_call() == Ran::Perhaps && options.sign == Sign::Response {
            notes.push(format!(
                "the origin responds to the plain call{status} as to nonsense, so nobody can tell what it runs: give it content \
                 that it takes, or name a sign (a header, or a command)"
            ));
        }
    }
    notes
}
