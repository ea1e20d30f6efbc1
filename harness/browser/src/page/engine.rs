//! Chromium's part in the input steps.

use std::{path::PathBuf, sync::PoisonError, time::Duration};

use edgeproof_ground::call::CallPattern;
use headless_chrome::protocol::cdp::{DOM, Input, Page as PageDomain, Runtime, types::Method};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Page, PageError, script::thrown};
use crate::input::{Aim, Engine, KeyPress, Motion, Place};

/// The name of the world that `page.js` runs in. Chromium keeps one of a name for each document.
const WORLD: &str = "edgeproof";

/// A document of a visit: what a frame shows, of the page or of a window.
#[derive(Clone, Debug)]
pub struct Document {
    pub(super) session: String,
    pub(super) frame: String,
}

impl Page {
    /// The document that is meant, if it is there.
    pub(super) async fn document_at(&self, place: &Place) -> Result<Option<Document>, PageError> {
        let mut document = match &place.window {
            None => Some(self.top()),
            Some(url) => self.window(url),
        };
        for selector in &place.frames {
            document = match &document {
                Some(outer) => self.frame(outer, selector).await?,
                None => None,
            };
        }
        Ok(document)
    }

    async fn on<C: Method + Serialize>(
        &self,
        document: &Document,
        command: C,
    ) -> Result<C::ReturnObject, PageError> {
        self.connection.ask(Some(&document.session), command).await
    }

    async fn call_function(
        &self,
        document: &Document,
        action: &str,
        argument: Value,
        by_value: bool,
    ) -> Result<Runtime::RemoteObject, PageError> {
        let world = PageDomain::CreateIsolatedWorld {
            frame_id: document.frame.clone(),
            world_name: Some(WORLD.to_owned()),
            grant_univeral_access: None,
        };
        let world = self.on(document, world).await?.execution_context_id;
        let by_copy = |value| Runtime::CallArgument {
            value: Some(value),
            unserializable_value: None,
            object_id: None,
        };
        let call = Runtime::CallFunctionOn {
            function_declaration: include_str!("../input/page.js").to_owned(),
            object_id: None,
            arguments: Some(vec![by_copy(action.into()), by_copy(argument)]),
            silent: None,
            return_by_value: Some(by_value),
            generate_preview: None,
            user_gesture: Some(true),
            await_promise: Some(true),
            execution_context_id: Some(world),
            object_group: None,
            throw_on_side_effect: None,
            unique_context_id: None,
            serialization_options: None,
        };
        let called = self.on(document, call).await?;
        match called.exception_details {
            Some(details) => Err(PageError::Browser(thrown(details))),
            None => Ok(called.result),
        }
    }
}

impl Engine for Page {
    type Document = Document;

    fn top(&self) -> Document {
        Document {
            session: self.session.clone(),
            frame: self.target.clone(),
        }
    }

    fn window(&self, url: &CallPattern) -> Option<Document> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let shows = |target: &str| {
            let shown = self
                .activity
                .frames(|frames| frames.url(target).map(str::to_owned));
            shown.is_some_and(|shown| url.matches_url(&shown))
        };
        let window = windows.iter().rev().find(|window| shows(&window.target))?;
        Some(Document {
            session: window.session.clone(),
            frame: window.target.clone(),
        })
    }

    async fn frame(
        &self,
        document: &Document,
        selector: &str,
    ) -> Result<Option<Document>, PageError> {
        let Some(object_id) = self.element(document, selector).await? else {
            return Ok(None);
        };
        let described = self.on(document, describe(object_id)).await?;
        Ok(described.node.frame_id.map(|frame| Document {
            session: document.session.clone(),
            frame,
        }))
    }

    fn url(&self, document: &Document) -> Option<String> {
        let url = |frame| {
            self.activity
                .frames(|frames| frames.url(frame).map(str::to_owned))
        };
        url(&document.frame)
    }

    async fn act(
        &self,
        document: &Document,
        action: &str,
        argument: Value,
    ) -> Result<Value, PageError> {
        let called = self.call_function(document, action, argument, true).await?;
        Ok(called.value.unwrap_or(Value::Null))
    }

    async fn quiet(&self, for_some_time: Duration) {
        self.activity.quiet(for_some_time).await;
    }

    fn under_way(&self) -> Vec<String> {
        self.activity.under_way()
    }

    async fn bring_to_front(&self, document: &Document) -> Result<(), PageError> {
        let is_alone = {
            let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.is_empty()
        };
        if !is_alone {
            self.on(document, PageDomain::BringToFront(None)).await?;
        }
        Ok(())
    }

    async fn mouse(&self, aim: &Aim<Document>, motion: Motion) -> Result<(), PageError> {
        // A click that opens a window puts this page in the background, where the browser does not tell that the
        // button is up again.
        let mut opened = self.opened.subscribe();
        tokio::select! {
            done = self.on(&aim.document, mouse(motion, aim.in_window)) => done.map(|_| ()),
            _ = opened.changed() => Ok(()),
        }
    }

    async fn press(&self, document: &Document, key: &KeyPress) -> Result<(), PageError> {
        use Input::DispatchKeyEventTypeOption::{KeyDown, KeyUp, RawKeyDown};

        let down = if key.text.is_some() {
            KeyDown
        } else {
            RawKeyDown
        };
        self.on(document, key_event(key, down)).await?;
        self.on(document, key_event(key, KeyUp)).await?;
        Ok(())
    }

    async fn insert_text(&self, document: &Document, text: &str) -> Result<(), PageError> {
        let text = text.to_owned();
        self.on(document, Input::InsertText { text }).await?;
        Ok(())
    }

    async fn set_files(
        &self,
        document: &Document,
        selector: &str,
        files: &[PathBuf],
    ) -> Result<(), PageError> {
        let object_id = self.element(document, selector).await?;
        let set = DOM::SetFileInputFiles {
            files: files
                .iter()
                .map(|file| file.display().to_string())
                .collect(),
            node_id: None,
            backend_node_id: None,
            object_id,
        };
        self.on(document, set).await?;
        Ok(())
    }
}

impl Page {
    /// The browser's name for the element that the selector finds.
    async fn element(
        &self,
        document: &Document,
        selector: &str,
    ) -> Result<Option<String>, PageError> {
        let argument = json!({ "selector": selector });
        let found = self
            .call_function(document, "element", argument, false)
            .await?;
        Ok(found.object_id)
    }
}

fn describe(object_id: String) -> DOM::DescribeNode {
    DOM::DescribeNode {
        node_id: None,
        backend_node_id: None,
        object_id: Some(object_id),
        depth: None,
        pierce: None,
    }
}

fn mouse(motion: Motion, (x, y): (f64, f64)) -> Input::DispatchMouseEvent {
    use Input::DispatchMouseEventTypeOption::{MouseMoved, MousePressed, MouseReleased};

    let (kind, button, click_count) = match motion {
        Motion::Move => (MouseMoved, Input::MouseButton::None, None),
        Motion::Down => (MousePressed, Input::MouseButton::Left, Some(1)),
        Motion::Up => (MouseReleased, Input::MouseButton::Left, Some(1)),
    };
    Input::DispatchMouseEvent {
        Type: kind,
        x,
        y,
        button: Some(button),
        click_count,
        modifiers: None,
        timestamp: None,
        buttons: None,
        force: None,
        tangential_pressure: None,
        tilt_x: None,
        tilt_y: None,
        twist: None,
        delta_x: None,
        delta_y: None,
        pointer_Type: None,
    }
}

fn key_event(key: &KeyPress, kind: Input::DispatchKeyEventTypeOption) -> Input::DispatchKeyEvent {
    let is_up = kind == Input::DispatchKeyEventTypeOption::KeyUp;
    Input::DispatchKeyEvent {
        Type: kind,
        key: Some(key.key.clone()),
        text: key.text.clone().filter(|_| !is_up),
        code: Some(key.code.clone()),
        windows_virtual_key_code: Some(key.key_code),
        native_virtual_key_code: Some(key.key_code),
        modifiers: Some(key.modifiers),
        timestamp: None,
        unmodified_text: None,
        key_identifier: None,
        auto_repeat: None,
        is_keypad: None,
        is_system_key: None,
        location: None,
        commands: None,
    }
}
