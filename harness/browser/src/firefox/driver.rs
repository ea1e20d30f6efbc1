//! Firefox's part in what a page is asked for.

use std::{path::PathBuf, time::Duration};

use http::HeaderMap;
use serde_json::{Value, json};

use super::{keys, tab::Tab};
use crate::{
    calls::BrowserCall,
    driver::{Aim, Document, Driver, DriverFuture, Motion},
    gate::Gate,
    input::KeyPress,
    page::{PageError, recorder_script},
};

/// The name of the world that `recorder.js` runs in, and of the channel by which it tells.
const RECORDER: &str = "edgeproof-recorder";

impl Driver for Tab {
    fn top(&self) -> Document {
        Document {
            window: self.context.clone(),
            frame: self.context.clone(),
        }
    }

    fn windows(&self) -> Vec<Document> {
        let document = |context: &String| Document {
            window: context.clone(),
            frame: context.clone(),
        };
        self.visit().windows.iter().map(document).collect()
    }

    fn frame<'a>(
        &'a self,
        document: &'a Document,
        selector: &'a str,
    ) -> DriverFuture<'a, Option<Document>> {
        Box::pin(async move {
            let window = self.thing(document, "window", selector).await?;
            let frame = window["value"]["context"].as_str();
            Ok(frame.map(|frame| Document {
                window: document.window.clone(),
                frame: frame.to_owned(),
            }))
        })
    }

    fn act<'a>(
        &'a self,
        document: &'a Document,
        action: &'a str,
        argument: Value,
    ) -> DriverFuture<'a, Value> {
        Box::pin(self.call_action(document, action, argument))
    }

    fn evaluate<'a>(
        &'a self,
        document: &'a Document,
        context: &'a str,
        script: &'a str,
    ) -> DriverFuture<'a, Value> {
        Box::pin(self.run_script(document, context, script))
    }

    fn load<'a>(&'a self, url: &'a str, limit: Duration) -> DriverFuture<'a, BrowserCall> {
        Box::pin(self.navigate(url, limit))
    }

    fn bring_to_front<'a>(&'a self, document: &'a Document) -> DriverFuture<'a, ()> {
        Box::pin(async move {
            if !self.windows().is_empty() {
                let activate = json!({ "context": document.window });
                self.tell("browsingContext.activate", activate).await?;
            }
            Ok(())
        })
    }

    fn mouse<'a>(&'a self, aim: &'a Aim, motions: &'a [Motion]) -> DriverFuture<'a, ()> {
        let (x, y) = aim.in_window;
        let window = &aim.document.window;
        let action = |motion: &Motion| match motion {
            Motion::Move => json!({ "type": "pointerMove", "x": x, "y": y }),
            Motion::Down => json!({ "type": "pointerDown", "button": 0 }),
            Motion::Up => json!({ "type": "pointerUp", "button": 0 }),
        };
        let actions: Vec<Value> = motions.iter().map(action).collect();
        let pointer = json!({
            "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions,
        });
        let perform = json!({ "context": window, "actions": [pointer] });
        let release = json!({ "context": window });
        Box::pin(async move {
            // Or a click soon after another one in the same place would be a double click.
            let (_, performed) = tokio::join!(
                self.tell("input.releaseActions", release),
                self.tell("input.performActions", perform)
            );
            performed
        })
    }

    fn press<'a>(&'a self, document: &'a Document, key: &'a KeyPress) -> DriverFuture<'a, ()> {
        let Some(actions) = keys::actions(key) else {
            let refused = PageError::Refused {
                what: format!("`{key}` to be pressed"),
                reason: "no program can press this key in Firefox".to_owned(),
            };
            return Box::pin(async { Err(refused) });
        };
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        let perform = json!({ "context": document.frame, "actions": [keyboard] });
        self.tell("input.performActions", perform)
    }

    fn insert_text<'a>(&'a self, document: &'a Document, text: &'a str) -> DriverFuture<'a, ()> {
        Box::pin(async move {
            let argument = json!({ "text": text });
            self.act(document, "insert", argument).await.map(drop)
        })
    }

    fn set_files<'a>(
        &'a self,
        document: &'a Document,
        selector: &'a str,
        files: &'a [PathBuf],
    ) -> DriverFuture<'a, ()> {
        Box::pin(async move {
            let element = self.thing(document, "element", selector).await?;
            let files = files.iter().map(|file| file.display().to_string());
            let set = json!({
                "context": document.frame,
                "element": { "sharedId": element["sharedId"] },
                "files": files.collect::<Vec<_>>(),
            });
            self.tell("input.setFiles", set).await
        })
    }

    fn body<'a>(&'a self, call: &'a BrowserCall) -> DriverFuture<'a, Vec<u8>> {
        Box::pin(self.data("response", call))
    }

    fn posted<'a>(&'a self, call: &'a BrowserCall) -> DriverFuture<'a, Option<String>> {
        Box::pin(async move {
            match self.data("request", call).await {
                Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
                // There was none, or it is not kept.
                Err(PageError::Browser(_)) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn present_as<'a>(
        &'a self,
        headers: &'a HeaderMap,
        language: Option<&'a str>,
    ) -> DriverFuture<'a, ()> {
        Box::pin(self.show_as(headers, language))
    }

    fn pass(&self, gate: Gate) -> DriverFuture<'_, ()> {
        Box::pin(self.enter(gate))
    }

    fn run_first(&self, script: String) -> DriverFuture<'_, ()> {
        let add = json!({
            "functionDeclaration": format!("() => {{ {script} }}"),
            "userContexts": [self.user_context],
        });
        self.tell("script.addPreloadScript", add)
    }

    fn record(&self) -> DriverFuture<'_, ()> {
        let channel = json!({ "type": "channel", "value": { "channel": RECORDER } });
        let add = json!({
            "functionDeclaration": recorder_script!(),
            "arguments": [channel],
            "sandbox": RECORDER,
            "userContexts": [self.user_context],
        });
        self.tell("script.addPreloadScript", add)
    }

    fn clear_cookies(&self) -> DriverFuture<'_, ()> {
        let partition = json!({ "type": "storageKey", "userContext": self.user_context });
        self.tell("storage.deleteCookies", json!({ "partition": partition }))
    }

    fn told_of_history(&self) -> DriverFuture<'_, ()> {
        Box::pin(async move {
            // The page's process asks for the step in a turn of its own, and the browser's makes it when it hears of that.
            match self.call_action(&self.top(), "turn", Value::Null).await {
                Ok(_) | Err(PageError::Left { .. }) => {}
                Err(error) => return Err(error),
            }
            let tree = json!({ "root": self.context });
            let told = self.connection.command("browsingContext.getTree", tree);
            told.await.map(drop)
        })
    }

    fn screenshot(&self) -> DriverFuture<'_, Vec<u8>> {
        Box::pin(self.picture())
    }

    fn close_and_wipe(self: Box<Self>) -> DriverFuture<'static, bool> {
        Box::pin(async move { self.end().await.map(|()| true) })
    }
}
