//! One probe: every shape of one protected call is sent to the edge of a rig, and what reached the origin is judged.

use std::collections::HashSet;

use edgeproof_ground::redaction::{Redactor, is_secret, secrets_in};
use edgeproof_rig::{Description, Rig};

use super::{
    ProbeError,
    around::{around, page},
    call::Call,
    expand::{Content, expand, plain},
    frameworks::Framework,
    judge::Fate,
    mend::Mend,
    outcome::{Finding, Outcome, SentOver},
    ran::{AskedOrigin, Ran, Sign},
    request::WrittenRequest,
    send::{Over, Sender, Sent},
    shape::{Made, Shape, ShapeId},
    signals::Signalling,
    table::families,
};

/// After how many shapes the plain call and nonsense are tried again.
const UNTIL_NEXT_SAMPLE: usize = 100;

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
    Ok(Outcome {
        api: options.api.clone(),
        call: format!("{} https://{}{}", call.method, call.host, call.path),
        origin: origin_name(&description, options),
        notes: notes(control, asked.as_ref(), options),
        control,
        findings,
    })
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
        let mut request = shape.request.clone();
        if let Some(made) = shape.signals {
            request
                .headers
                .push(("fp-data".to_owned(), self.signalling.make(made)?));
        }
        let mut results = Vec::new();
        if let Some(sent) = self.sender.over_http1(&request.anew()).await {
            results.push(self.result(Over::Http1, &sent, shape, asked).await?);
        }
        if let Some(request) = request.anew().over_http2() {
            let sent = self.sender.over_http2(request).await;
            results.push(self.result(Over::Http2, &sent, shape, asked).await?);
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

    async fn result(
        &self,
        over: Over,
        sent: &Sent,
        shape: &Shape,
        asked: Option<&AskedOrigin<'_>>,
    ) -> Result<SentOver, ProbeError> {
        let arrived = sent.path.at_origin.as_ref();
        let ran = match (sent.path.fate, arrived) {
            (Fate::Unprotected, Some(arrived)) => Some(match (self.options.framework, asked) {
                (Some(framework), _) if framework.runs(shape.id.family, &shape.id.rule) => {
                    Ran::Measured
                }
                (Some(_), _) => Ran::Not,
                (None, Some(asked)) => asked.ran(arrived).await?,
                (None, None) => Ran::Perhaps,
            }),
            _ => None,
        };
        Ok(SentOver {
            over,
            fate: sent.path.fate,
            status: sent.status.map(|status| status.as_u16()),
            ran,
            arrived: arrived.map(|hop| format!("{} {}", hop.request.method, hop.request.url)),
            decision: sent.path.decision.clone(),
            worker_ran: sent.path.worker_ran,
        })
    }

    /// The request as it is shown.
    fn written(&self, shape: &Shape) -> String {
        let mut request: WrittenRequest = shape.request.clone();
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
        let text = self.redactor.without_known(&request.text());
        match shape.id.family {
            "transport" | "authority" => format!("({scheme}://{})\r\n{text}", request.to),
            _ => text,
        }
    }
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
        match (asked.runs_the_plain_call(), &options.sign) {
            (Ran::Perhaps, _) => notes.push(format!(
                "the origin responds to the plain call{status} as to nonsense, so nobody can tell what it runs: give it content \
                 that it takes, or name a sign (a header, or a command)"
            )),
            (Ran::Not, Sign::Header(name)) => notes.push(format!(
                "the origin does not run the plain call: its response{status} has no header `{name}`"
            )),
            _ => {}
        }
    }
    notes
}
