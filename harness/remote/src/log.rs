//! What the worker of a target logs and throws while a case runs, as its tail tells it.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use edgeproof_cloudflare::{
    client::{ApiError, Tail},
    deploy::DeployError,
};
use serde_json::Value as Json;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};

/// How long what an invocation came to may take until it is told; it is told when `waitUntil` is over too.
const WITHIN: Duration = Duration::from_secs(10);

/// How often one looks at what visitors asked for meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Invocations that are kept; of a site that many visit the older ones go.
const KEPT: usize = 5_000;

/// The log of a worker. Whose line it is, the ray tells: an invocation has that of its request, and a visitor's response too.
pub struct WorkerLog {
    told: Arc<watch::Sender<Received>>,
    end: oneshot::Sender<()>,
    reading: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Received {
    invocations: VecDeque<Invocation>,
    /// Why no more is known.
    trouble: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Invocation {
    ray: String,
    /// Each with when it was written: Unix, in milliseconds.
    lines: Vec<(i64, String)>,
}

/// Why the log is not known.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The tail tells no more, or not all.
    #[error("the log of the worker is not known: {0}")]
    Unknown(&'static str),
    /// It is not known in which account the worker is.
    #[error("the log of the worker cannot be read")]
    Account(#[source] DeployError),
    /// Cloudflare's API refused, or did not answer.
    #[error("the log of the worker cannot be read")]
    Api(#[from] ApiError),
}

impl WorkerLog {
    pub(crate) fn read(tail: Tail) -> Self {
        let told = Arc::new(watch::Sender::<Received>::default());
        let (end, ended) = oneshot::channel();
        let reading = tokio::spawn(read(tail, ended, Arc::clone(&told)));
        Self { told, end, reading }
    }

    /// What the invocations of these rays have written, in order: once all of them were told, or it `holds`, or the time is
    /// over. `rays` are those that visitors have seen by then.
    ///
    /// # Errors
    /// When the tail has ended, or does not tell of all invocations.
    pub async fn of(
        &self,
        rays: impl Fn() -> BTreeSet<String>,
        holds: impl Fn(&[String]) -> bool,
    ) -> Result<Vec<String>, LogError> {
        let deadline = Instant::now() + WITHIN;
        let mut changed = self.told.subscribe();
        loop {
            let rays = rays();
            let (lines, are_all_told) = {
                let told = changed.borrow_and_update();
                if let Some(trouble) = told.trouble {
                    return Err(LogError::Unknown(trouble));
                }
                told.of(&rays)
            };
            if are_all_told || holds(&lines) || Instant::now() >= deadline {
                return Ok(lines);
            }
            // What visitors asked for changes by the passing of time as well.
            let _ = timeout(LOOK_AGAIN, changed.changed()).await;
        }
    }

    /// Ends the tail.
    pub async fn end(self) {
        // It may have ended by itself.
        let _ = self.end.send(());
        let _ = timeout(WITHIN, self.reading).await;
    }
}

async fn read(
    mut tail: Tail,
    mut ended: oneshot::Receiver<()>,
    told: Arc<watch::Sender<Received>>,
) {
    loop {
        tokio::select! {
            event = tail.next() => match event {
                Some(event) => told.send_modify(|told| told.take(&event)),
                None => {
                    told.send_modify(|told| told.trouble = Some("its tail has ended"));
                    break;
                }
            },
            _ = &mut ended => break,
        }
    }
    // It expires by itself too.
    let _ = tail.end().await;
}

impl Received {
    fn take(&mut self, event: &Json) {
        if event["event"]["type"] == "overload" {
            self.trouble = Some("its tail drops messages, because there are too many");
        }
        if let Some(invocation) = invocation(event) {
            self.invocations.push_back(invocation);
            if self.invocations.len() > KEPT {
                self.invocations.pop_front();
            }
        }
    }

    /// What the invocations of these rays have written, and whether each of them was told.
    fn of(&self, rays: &BTreeSet<String>) -> (Vec<String>, bool) {
        let own: Vec<&Invocation> = self
            .invocations
            .iter()
            .filter(|invocation| rays.contains(&invocation.ray))
            .collect();
        let told: BTreeSet<&String> = own.iter().map(|invocation| &invocation.ray).collect();
        let mut lines: Vec<&(i64, String)> = own
            .iter()
            .flat_map(|invocation| &invocation.lines)
            .collect();
        lines.sort_by_key(|(at, _)| *at);
        let lines = lines.into_iter().map(|(_, line)| line.clone());
        (lines.collect(), told.len() == rays.len())
    }
}

/// The ray without the data centre, which only responses have.
pub fn ray(header: &str) -> &str {
    header.split('-').next().unwrap_or_default()
}

fn invocation(event: &Json) -> Option<Invocation> {
    let header = event["event"]["request"]["headers"]["cf-ray"].as_str()?;
    let all = |key: &str| event[key].as_array().into_iter().flatten();
    let at = |told: &Json| told["timestamp"].as_i64().unwrap_or_default();
    let logs = all("logs").map(|line| (at(line), words(&line["message"])));
    let exceptions = all("exceptions").map(|thrown| (at(thrown), uncaught(thrown)));
    Some(Invocation {
        ray: ray(header).to_owned(),
        lines: logs.chain(exceptions).collect(),
    })
}

/// The arguments of a `console.log()` as one line.
fn words(message: &Json) -> String {
    let word = |word: &Json| match word {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    match message {
        Json::Array(words) => words.iter().map(word).collect::<Vec<_>>().join(" "),
        other => word(other),
    }
}

/// An exception that nobody caught, in the words of a rig's log.
fn uncaught(thrown: &Json) -> String {
    let text = |key: &str| thrown[key].as_str().unwrap_or_default();
    let (name, stack) = (text("name"), text("stack"));
    let line = format!("Uncaught {name}: {}", words(&thrown["message"]));
    match stack {
        "" => line,
        // Some have the message at their head.
        stack if !name.is_empty() && stack.starts_with(name) => format!("Uncaught {stack}"),
        stack => format!("{line}\n{stack}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_those_of_the_rays_in_the_order_in_which_they_were_written() {
        let event = |ray: &str, at: i64, message: Json| {
            json!({
                "event": {"request": {"headers": {"cf-ray": ray}}},
                "logs": [{"message": message, "timestamp": at}],
                "exceptions": [{"name": "TypeError", "message": "no", "stack": "    at f (a.js:1:2)", "timestamp": at + 2}],
            })
        };
        let mut told = Received::default();
        told.take(&event("b", 1, json!(["second", {"a": 1}])));
        told.take(&event("a", 0, json!(["first", 2])));
        told.take(&event("c", 0, json!(["of somebody else"])));
        told.take(&json!({"event": {"cron": "* * * * *"}, "logs": []}));
        let rays = |all: &[&str]| all.iter().map(|ray| (*ray).to_owned()).collect();
        let thrown = "Uncaught TypeError: no\n    at f (a.js:1:2)";
        let lines = ["first 2", "second {\"a\":1}", thrown, thrown];
        assert_eq!(
            told.of(&rays(&["a", "b"])),
            (lines.map(str::to_owned).to_vec(), true)
        );
        assert!(!told.of(&rays(&["a", "b", "d"])).1);
        assert_eq!(ray("8c1-FRA"), "8c1");
    }

    #[test]
    fn a_tail_that_drops_messages_is_no_log() {
        let mut told = Received::default();
        told.take(&json!({"event": {"type": "overload", "message": "…"}, "logs": []}));
        assert!(told.trouble.unwrap().contains("drops"));
    }
}
