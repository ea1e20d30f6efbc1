//! What the viewer reads: the results as JSON, without what is in them twice, as Base64 of gzip. So nothing of them can be
//! taken for markup, and a thousand cases are some hundred kilobytes.

use std::{collections::HashMap, io::Write as _};

use base64::{Engine, engine::general_purpose::STANDARD};
use edgeproof_run::{
    record::{CaseRecord, Failure, HopRecord, Verdict},
    results::Results,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value as Json, json};

/// Bytes from which on a text is kept once.
const LONG: usize = 200;

/// The pictures of a page, each once: they stand in it for readers without JavaScript, and the viewer finds them there.
#[derive(Default)]
pub(super) struct Pictures {
    pub(super) all: Vec<Picture>,
    /// Their numbers, by what they look like.
    known: HashMap<String, usize>,
}

/// Bodies that several hops have: each page passes three, and every page has the same scripts.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    /// Their numbers.
    known: HashMap<String, usize>,
}

impl Texts {
    /// Leaves its number where a long text stands.
    fn take(&mut self, text: &mut Json) {
        let Some(long) = text.as_str().filter(|text| text.len() > LONG) else {
            return;
        };
        let number = self.known.get(long).copied().unwrap_or_else(|| {
            self.known.insert(long.to_owned(), self.all.len());
            self.all.push(long.to_owned());
            self.all.len() - 1
        });
        *text = number.into();
    }
}

/// A picture.
pub(super) struct Picture {
    /// The first case that it is of.
    pub(super) case: String,
    /// What it shows.
    pub(super) title: String,
    /// JPEG, in Base64.
    pub(super) jpeg: String,
}

impl Pictures {
    /// The number of a picture; what looks the same is the same picture.
    fn add(&mut self, case: &CaseRecord, title: String, jpeg: &str) -> Json {
        if let Some(known) = self.known.get(jpeg) {
            return (*known).into();
        }
        let number = self.all.len();
        self.known.insert(jpeg.to_owned(), number);
        self.all.push(Picture {
            case: case.name.clone(),
            title,
            jpeg: jpeg.to_owned(),
        });
        number.into()
    }
}

/// The data of a page. Results that are no JSON do not exist; of such the page would only say what is plain.
pub(super) fn of(results: &Results, pictures: &mut Pictures) -> String {
    let mut texts = Texts::default();
    let mut json = run(results, pictures, &mut texts);
    json["texts"] = texts.all.into();
    let json = json.to_string();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let packed = packed
        .write_all(json.as_bytes())
        .and_then(|()| packed.finish());
    STANDARD.encode(packed.unwrap_or_default())
}

/// One case, with its texts and pictures.
pub(super) fn alone(record: &CaseRecord) -> Json {
    let (mut pictures, mut texts) = (Pictures::default(), Texts::default());
    let case = case(record, &mut pictures, &mut texts);
    let pictures: Vec<String> = pictures.all.into_iter().map(|one| one.jpeg).collect();
    json!({ "case": case, "texts": texts.all, "pictures": pictures })
}

fn run(results: &Results, pictures: &mut Pictures, texts: &mut Texts) -> Json {
    let cases: Vec<Json> = results
        .cases
        .iter()
        .map(|one| case(one, pictures, texts))
        .collect();
    let against = results
        .against
        .as_ref()
        .map(|other| run(other, pictures, texts));
    json!({
        "edgeproof": results.edgeproof,
        "shard": results.shard,
        "selection": results.selection,
        "worker": results.worker,
        "about": results.about,
        "summary": results.summary,
        "cases": cases,
        "against": against,
    })
}

fn case(record: &CaseRecord, pictures: &mut Pictures, texts: &mut Texts) -> Json {
    let mut told = record.clone();
    each_failure(&mut told.verdict, |failure| {
        place_thrown(&mut told.hops, failure);
    });
    let rays: Vec<Json> = failures(&told.verdict).iter().map(ray).collect();
    each_failure(&mut told.verdict, |failure| failure.journey.clear());
    let mut json = json!(told);
    for index in 0..told.hops.len() {
        for side in ["request_body", "response_body"] {
            if let Some(text) = json["hops"][index][side].get_mut("text") {
                texts.take(text);
            }
        }
    }
    for (index, step) in record.steps.iter().enumerate() {
        let picture = step.picture.as_ref();
        let picture =
            picture.map(|jpeg| pictures.add(record, format!("after {}", step.title), jpeg));
        json["steps"][index]["picture"] = picture.into();
    }
    for (index, shown) in record.screenshots.iter().enumerate() {
        let title = format!("what {} saw", shown.visitor);
        let screenshot = &mut json["screenshots"][index];
        screenshot["picture"] = pictures.add(record, title, &shown.jpeg);
        screenshot["jpeg"] = Json::Null;
    }
    let word = match told.verdict {
        Verdict::Failed(_) => "failed",
        _ => "observed",
    };
    for (index, ray) in rays.into_iter().enumerate() {
        json["verdict"][word][index]["ray"] = ray;
    }
    json
}

fn failures(verdict: &Verdict) -> &[Failure] {
    match verdict {
        Verdict::Failed(failures) | Verdict::Observed(failures) => failures,
        _ => &[],
    }
}

fn each_failure(verdict: &mut Verdict, change: impl FnMut(&mut Failure)) {
    if let Verdict::Failed(failures) | Verdict::Observed(failures) = verdict {
        failures.iter_mut().for_each(change);
    }
}

/// Which call a failure is about.
fn ray(failure: &Failure) -> Json {
    let mut rays = failure.journey.iter().map(|hop| &hop.ray);
    json!(rays.find(|ray| ray.is_some()))
}

/// The hops of a failure are among those of the case; only what a worker threw later stands at them alone.
fn place_thrown(hops: &mut [HopRecord], failure: &Failure) {
    for told in &failure.journey {
        let is_same = |hop: &&mut HopRecord| hop.started_us == told.started_us && hop.to == told.to;
        if let Some(hop) = hops.iter_mut().find(is_same)
            && hop.exception.is_none()
        {
            hop.exception.clone_from(&told.exception);
        }
    }
}
