//! What a visitor does in a page by hand, told as it happens.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{DialogAnswer, Page, PageError};
use crate::{driver::Document, input::Place};

/// How often a browser is asked whether the page is still there. It tells of a page that a person closed, and of itself
/// where it was ended, in ways that differ from engine to engine.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Something that a visitor did.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// How many calls the page had made before, of [`Page::calls`].
    pub before: usize,
    /// The document that it was done in.
    pub place: Place,
    /// The URL of that document.
    pub url: String,
    /// Whether the emulated agent had started in it.
    pub agent: bool,
    /// What was done.
    pub did: Did,
}

/// What a visitor does, in the words of the steps that do the same. Elements are named by selectors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Did {
    /// A click.
    Click {
        /// On what.
        click: String,
    },
    /// A checkbox or a radio button was checked.
    Check {
        /// Which.
        check: String,
    },
    /// A checkbox was unchecked.
    Uncheck {
        /// Which.
        uncheck: String,
    },
    /// Something was typed, or chosen in a picker: told with every letter.
    Fill {
        /// The field.
        fill: String,
        /// Its whole value now.
        value: String,
        /// Whether the page says that it is a secret, as that of a password field.
        secret: bool,
        /// What the field is called.
        called: String,
    },
    /// Options of a select box were chosen.
    Select {
        /// The box.
        select: String,
        /// The options that are chosen now, by value or label.
        options: Vec<String>,
    },
    /// Files were chosen.
    Upload {
        /// The field.
        upload: String,
        /// Their names.
        files: Vec<String>,
    },
    /// What is in a file that was chosen before.
    Content {
        /// The field.
        content: String,
        /// The name of the file.
        file: String,
        /// Its content, in Base64.
        base64: String,
    },
    /// A key was pressed that types nothing.
    Press {
        /// The key.
        press: String,
        /// The field that had the focus.
        #[serde(rename = "in")]
        field: Option<String>,
    },
    /// A form was submitted with the key that was pressed before.
    Submit {
        /// The form.
        submit: String,
    },
    /// The page asked for something in a dialog, which was answered.
    Dialog {
        /// `confirm` or `prompt`; also `alert` and `beforeunload`, which have one response.
        dialog: String,
        /// Whether it was accepted, and not cancelled.
        accepted: bool,
        /// What was written into it.
        text: Option<String>,
    },
    /// The pointer was where it had to be for something to show.
    Hover {
        /// Over what.
        hover: String,
    },
    /// Something was done that no step does.
    Lost {
        /// What, as a sentence goes on after "it was not recorded that".
        lost: String,
    },
    /// A document begins; nobody did anything.
    Document {
        /// How it was reached, as the Navigation Timing specification names it: `navigate`, `reload`, `back_forward`.
        document: String,
    },
}

/// What `recorder.js` says, as it came.
#[derive(Clone, Debug)]
pub(crate) struct RecorderMessage {
    pub(crate) before: usize,
    /// The engine's name for the window; the page itself where it is absent.
    pub(crate) window: Option<String>,
    pub(crate) what: String,
}

impl RecorderMessage {
    /// What is said of a dialog that was answered.
    pub(crate) fn dialog(kind: &str, accepted: &Value, text: &Value) -> String {
        json!({
            "dialog": kind,
            "accepted": accepted,
            "text": text,
            "url": "",
            "frames": [],
            "agent": false,
        })
        .to_string()
    }
}

/// The same, read.
#[derive(Deserialize)]
struct Said {
    url: String,
    frames: Vec<usize>,
    agent: bool,
    #[serde(flatten)]
    did: Did,
}

/// What the visitor of a page does from now on, in order.
pub struct Deeds<'a> {
    page: &'a Page,
    told: UnboundedReceiver<RecorderMessage>,
}

impl Page {
    /// Listens to what the visitor does, in every document that is loaded from now on. Dialogs are accepted from now on, unless
    /// a person answers them or somebody says otherwise.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn record(&self) -> Result<Deeds<'_>, PageError> {
        let (listener, told) = unbounded_channel();
        self.activity
            .record(|record| record.listener = Some(listener));
        self.answer_dialogs(Some(DialogAnswer::Accept));
        self.driver.record().await?;
        Ok(Deeds { page: self, told })
    }

    /// Waits until the page is closed, or its browser is.
    pub async fn closed(&self) {
        while self.driver.told_of_history().await.is_ok() {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// The selectors of the frames that lead to a document; nothing where one of them is gone.
    async fn frames_to(&self, window: Document, numbers: &[usize]) -> Option<Vec<String>> {
        let (mut document, mut selectors) = (window, Vec::new());
        for number in numbers {
            let number = json!({ "number": number });
            let found = self.driver.act(&document, "frameSelector", number).await;
            let Ok(Value::String(selector)) = found else {
                return None;
            };
            document = self.driver.frame(&document, &selector).await.ok()??;
            selectors.push(selector);
        }
        Some(selectors)
    }
}

impl Deeds<'_> {
    /// The next thing that is done. There is always a next one, as long as somebody waits for it.
    pub async fn next(&mut self) -> Option<Deed> {
        loop {
            let told = self.told.recv().await?;
            if let Some(deed) = self.deed(told).await {
                return Some(deed);
            }
        }
    }

    /// What was done and has not been looked at yet.
    pub async fn rest(mut self) -> Vec<Deed> {
        let mut deeds = Vec::new();
        while let Ok(told) = self.told.try_recv() {
            deeds.extend(self.deed(told).await);
        }
        deeds
    }

    async fn deed(&self, told: RecorderMessage) -> Option<Deed> {
        // A document can say what it wants only through `recorder.js`, but a browser may be of another version.
        let said: Said = serde_json::from_str(&told.what).ok()?;
        let mut windows = self.page.driver.windows().into_iter();
        let window = match &told.window {
            None => Some(self.page.driver.top()),
            Some(name) => windows.find(|window| window.window == *name),
        };
        let of_window = match (&told.window, &window) {
            (None, _) => None,
            (Some(_), _) if said.frames.is_empty() => Some(said.url.clone()),
            (Some(_), Some(window)) => self.page.url_of(window),
            (Some(_), None) => None,
        };
        let frames = match window {
            Some(window) if !said.frames.is_empty() => {
                self.page.frames_to(window, &said.frames).await
            }
            _ => None,
        };
        let lost = || said.frames.iter().map(|_| "iframe".to_owned()).collect();
        Some(Deed {
            before: told.before,
            place: Place {
                window: of_window.and_then(|url| pattern(&url)?.parse().ok()),
                frames: frames.unwrap_or_else(lost),
            },
            url: said.url,
            agent: said.agent,
            did: said.did,
        })
    }
}

/// A pattern of the URLs with this host and path.
fn pattern(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    Some(format!("{}{}*", url.host_str()?, url.path()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r##""click": "#a""##, Did::Click { click: "#a".to_owned() })]
    #[case(r#""press": "Enter", "in": "input""#, Did::Press { press: "Enter".to_owned(), field: Some("input".to_owned()) })]
    #[case(r#""press": "Escape""#, Did::Press { press: "Escape".to_owned(), field: None })]
    #[case(r#""document": "reload""#, Did::Document { document: "reload".to_owned() })]
    fn what_the_recorder_says_is_read(#[case] what: &str, #[case] expected: Did) {
        let text =
            format!(r#"{{{what}, "url": "https://a.example/", "frames": [1], "agent": true}}"#);
        let said: Said = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (said.did, said.frames, said.agent),
            (expected, vec![1], true)
        );
    }
}
