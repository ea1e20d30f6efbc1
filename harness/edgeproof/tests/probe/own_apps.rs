//! What a probe finds in front of real apps, held against what the apps themselves say that they ran.

use bytes::Bytes;
use edgeproof_ground::{body, tools};
use edgeproof_origin::{Origin, RecordedRequest};
use edgeproof_probe::{Content, Fate, Ran, probe};
use edgeproof_rig::Rig;
use http::{Request, header};
use http_body_util::BodyExt;
use rstest::rstest;

use super::{description, environment, options, pass_through, probed};

/// An app of `fixtures/apps`, what it wants of a sign-up, and where it says who has signed up.
struct OwnApp {
    folder: &'static str,
    run: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    record: Record,
}

/// Where an app says that it ran a sign-up.
#[derive(Clone, Copy)]
enum Record {
    /// This page shows the e-mail of who has signed up.
    Page(&'static str),
    /// Its own code, and nothing else of it, responds with this status.
    Status(u16),
}

const EXPRESS: OwnApp = OwnApp {
    folder: "express",
    run: "npm start",
    headers: &[],
    body: r#"{"email":"ann-{unique}@shop.example","password":"correct horse"}"#,
    record: Record::Page("/api/me"),
};
const FASTIFY: OwnApp = OwnApp {
    folder: "fastify",
    ..EXPRESS
};
const DJANGO: OwnApp = OwnApp {
    folder: "django",
    run: "./run",
    headers: &[
        ("cookie", "csrftoken=abcdefghijklmnopqrstuvwxyzabcdef"),
        ("referer", "https://fernweh.example/signup"),
    ],
    body: "email=ann-{unique}@shop.example&password=correct-horse&csrfmiddlewaretoken=abcdefghijklmnopqrstuvwxyzabcdef",
    record: Record::Page("/welcome"),
};
const PHP: OwnApp = OwnApp {
    folder: "php",
    run: "./run",
    headers: &[],
    body: "email=ann-{unique}@shop.example&password=correct-horse",
    // Its form has a token for one use: here it always says that the form is too old.
    record: Record::Status(419),
};

impl OwnApp {
    fn is_installed(&self) -> bool {
        let folder = tools::home().join("fixtures/apps").join(self.folder);
        let is_there = folder.join(".installed").exists();
        assert!(
            is_there || std::env::var_os("CI").is_none(),
            "fixtures/apps/setup {} installs it",
            self.folder
        );
        is_there
    }

    fn origin(&self) -> String {
        let folder = tools::home().join("fixtures/apps").join(self.folder);
        // Django takes calls for its own name alone.
        let host = if self.folder == "django" {
            ", host: fernweh.example"
        } else {
            ""
        };
        format!(
            "{{ app: {{ run: {}, in: {}{host} }} }}",
            self.run,
            folder.display()
        )
    }

    /// What goes with a sign-up.
    fn content(&self) -> Content {
        let headers = self.headers.iter();
        Content {
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: self.body.to_owned(),
        }
    }

    /// Whether the app says that it ran this, when it gets it once more for somebody else.
    async fn ran(&self, origin: &Origin, request: &RecordedRequest) -> bool {
        let email = format!("ann-{:08}@shop.example", fastrand::u32(0..100_000_000));
        let text = String::from_utf8_lossy(&request.body.start).into_owned();
        let body = match text.find("ann-") {
            Some(at) => format!("{}{email}{}", &text[..at], &text[at + email.len()..]),
            None => text.clone(),
        };
        let mut again = Request::new(body::full(Bytes::from(body)));
        *again.method_mut() = request.method.clone();
        *again.uri_mut() = request.url.parse().unwrap();
        *again.headers_mut() = request.headers.clone();
        for name in [
            header::ACCEPT_ENCODING,
            header::TRANSFER_ENCODING,
            header::EXPECT,
        ] {
            again.headers_mut().remove(name);
        }
        again
            .headers_mut()
            .insert(header::CONTENT_LENGTH, text.len().into());
        let sent = request
            .headers
            .get(header::COOKIE)
            .map(|cookie| cookie.to_str().unwrap_or_default().to_owned());
        let (status, _, set) = ask(origin, again).await;
        match self.record {
            Record::Status(own) => status == own,
            Record::Page(page) => {
                let cookies = [set, sent.unwrap_or_default()].join("; ");
                let (_, record, _) = ask(origin, get(page, &cookies)).await;
                record.contains(&email)
            }
        }
    }
}

fn get(path: &str, cookies: &str) -> Request<body::Body> {
    let request = Request::get(format!("https://shop.example{path}"))
        .header("host", "shop.example")
        .header("x-forwarded-proto", "https");
    let request = match cookies.trim_matches([' ', ';']) {
        "" => request,
        cookies => request.header("cookie", cookies),
    };
    request.body(body::empty()).unwrap()
}

/// The status and the text of a response, and the cookies that it sets; nothing where there is none.
async fn ask(origin: &Origin, request: Request<body::Body>) -> (u16, String, String) {
    let Ok(response) = origin.aside().response(request).await else {
        return Default::default();
    };
    let (head, body) = response.into_parts();
    let set = head.headers.get_all(header::SET_COOKIE).iter();
    let set: Vec<&str> = set
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .collect();
    let text = match head.status.as_u16() {
        101 => Bytes::new(),
        _ => body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default(),
    };
    (
        head.status.as_u16(),
        String::from_utf8_lossy(&text).into_owned(),
        set.join("; "),
    )
}

/// How many shapes reach the app, and how many of them it runs, by its own record.
#[rstest]
#[case::express(EXPRESS)]
#[case::fastify(FASTIFY)]
#[case::django(DJANGO)]
#[case::php(PHP)]
#[tokio::test]
async fn the_holes_are_what_the_app_says_it_ran(#[case] app: OwnApp) {
    if !app.is_installed() {
        return;
    }
    let deployment = format!("worker: {}", pass_through());
    let rig = Rig::start(&environment(), description(&app.origin(), &deployment))
        .await
        .unwrap();
    // How much had arrived when a shape began, and when the last was over.
    let origin = rig.origin("shop.example").unwrap();
    let mut counts = Vec::new();
    let outcome = probe(&rig, &options(app.content()), &mut |_| {
        counts.push(origin.requests().len());
    })
    .await
    .unwrap();
    assert_eq!(counts.len(), outcome.findings.len() + 1);
    let records = origin.requests();
    let mut wrong = Vec::new();
    let (mut reached, mut ran) = (0, 0);
    for (finding, bounds) in outcome.findings.iter().zip(counts.windows(2)) {
        let results: Vec<_> = finding
            .results
            .iter()
            .filter_map(|result| Some((result, result.arrived.as_ref()?)))
            .collect();
        // In front of its own request a shape may send what somebody else does, or a call whose signals it repeats.
        let sent = &records[bounds[0]..bounds[1]];
        let each = sent.len().checked_div(results.len()).unwrap_or(1).max(1);
        let own = sent.chunks(each).filter_map(<[_]>::last);
        for ((result, arrived), request) in results.into_iter().zip(own) {
            assert!(arrived.starts_with(request.method.as_str()), "{arrived}");
            let truly = app.ran(origin, request).await;
            reached += 1;
            ran += usize::from(truly);
            if truly != result.ran.is_some_and(Ran::is_possible) {
                wrong.push(format!(
                    "{} over {:?}: app {truly}, probe {:?}: {}",
                    finding.shape, result.over, result.ran, finding.sent
                ));
            }
        }
    }
    rig.stop().await;
    assert!(
        wrong.is_empty(),
        "{} of {reached} ({ran} run):\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(ran > 100, "{ran} of {reached}");
}

/// With the guard, on the whole host, nothing that these apps run passes. PHP runs a file by GET as well, without the fields of
/// its form: another call, which is left alone.
#[rstest]
#[case::express(EXPRESS)]
#[case::fastify(FASTIFY)]
#[case::django(DJANGO)]
#[case::php(PHP)]
#[tokio::test]
async fn no_hole_is_left_with_the_guard_on_the_whole_host(#[case] app: OwnApp) {
    if !app.is_installed() {
        return;
    }
    let covered = description(&app.origin(), "coverage: host");
    let outcome = probed(covered, &options(app.content())).await;
    assert_eq!(outcome.control, Fate::Identified);
    let is_another_call = |hole: &&edgeproof_probe::Finding| {
        let arrived = hole.hole().and_then(|hole| hole.arrived.as_deref());
        app.folder == "php"
            && arrived
                .is_some_and(|arrived| arrived.starts_with("GET ") || arrived.starts_with("HEAD "))
    };
    let holes: Vec<_> = outcome
        .holes()
        .filter(|hole| !is_another_call(hole))
        .collect();
    assert!(holes.is_empty(), "{holes:#?}");
}
