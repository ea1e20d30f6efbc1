//! Chromium's part in what a page is asked for.

use std::{path::PathBuf, sync::PoisonError, time::Duration};

use headless_chrome::protocol::cdp::{DOM, Input, Page as PageDomain, Runtime, types::Method};
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};

use super::{tab::Tab, windows::Window};
use crate::{
    calls::BrowserCall,
    driver::{Aim, Document, Driver, DriverFuture, Motion},
    gate::Gate,
    input::KeyPress,
    page::{PageError, page_script},
};

/// The name of the world that `page.js` runs in. Chromium keeps one of a name for each document.
const WORLD: &str = "edgeproof";

impl Driver for Tab {
    fn top(&self) -> Document {
        Document {
            window: self.session.clone(),
            frame: self.target.clone(),
        }
    }

    fn windows(&self) -> Vec<Document> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let document = |window: &Window| Document {
            window: window.session.clone(),
            frame: window.target.clone(),
        };
        windows.iter().map(document).collect()
    }

    fn frame<'a>(
        &'a self,
        document: &'a Document,
        selector: &'a str,
    ) -> DriverFuture<'a, Option<Document>> {
        Box::pin(async move {
            let Some(object_id) = self.element(document, selector).await? else {
                return Ok(None);
            };
            let described = self.on(document, describe(object_id)).await?;
            Ok(described.node.frame_id.map(|frame| Document {
                window: document.window.clone(),
                frame,
            }))
        })
    }

    fn act<'a>(
        &'a self,
        document: &'a Document,
        action: &'a str,
        argument: Value,
    ) -> DriverFuture<'a, Value> {
        Box::pin(async move {
            let called = self.call_function(document, action, argument, true).await?;
            Ok(called.value.unwrap_or(Value::Null))
        })
    }

    fn evaluate<'a>(
        &'a self,
        document: &'a Document,
        context: &'a str,
        script: &'a str,
    ) -> DriverFuture<'a, Value> {
        Box::pin(async move {
            let evaluated = self.on(document, evaluate(script, context)).await?;
            match evaluated.exception_details {
                Some(details) => Err(PageError::Script(thrown(details))),
                None => Ok(evaluated.result.value.unwrap_or(Value::Null)),
            }
        })
    }

    fn load<'a>(&'a self, url: &'a str, limit: Duration) -> DriverFuture<'a, BrowserCall> {
        Box::pin(self.visit(url, limit))
    }

    fn bring_to_front<'a>(&'a self, document: &'a Document) -> DriverFuture<'a, ()> {
        Box::pin(async move {
            if !self.windows().is_empty() {
                self.on(document, PageDomain::BringToFront(None)).await?;
            }
            Ok(())
        })
    }

    fn mouse<'a>(&'a self, aim: &'a Aim, motions: &'a [Motion]) -> DriverFuture<'a, ()> {
        Box::pin(async move {
            for motion in motions {
                // A click that opens a window puts this page in the background, where the browser does not tell that the
                // button is up again.
                let mut opened = self.opened.subscribe();
                tokio::select! {
                    done = self.on(&aim.document, mouse(*motion, aim.in_window)) => match (motion, done) {
                        // What the click does may take the page away before the browser tells that the button is up.
                        (Motion::Up, Err(PageError::Left { begun: true })) => {}
                        (_, done) => {
                            done?;
                        }
                    },
                    _ = opened.changed() => {}
                }
            }
            Ok(())
        })
    }

    fn press<'a>(&'a self, document: &'a Document, key: &'a KeyPress) -> DriverFuture<'a, ()> {
        use Input::DispatchKeyEventTypeOption::{KeyDown, KeyUp, RawKeyDown};

        Box::pin(async move {
            let down = if key.text.is_some() {
                KeyDown
            } else {
                RawKeyDown
            };
            self.on(document, key_event(key, down)).await?;
            self.on(document, key_event(key, KeyUp)).await?;
            Ok(())
        })
    }

    fn insert_text<'a>(&'a self, document: &'a Document, text: &'a str) -> DriverFuture<'a, ()> {
        Box::pin(async move {
            let text = text.to_owned();
            self.on(document, Input::InsertText { text }).await?;
            Ok(())
        })
    }

    fn set_files<'a>(
        &'a self,
        document: &'a Document,
        selector: &'a str,
        files: &'a [PathBuf],
    ) -> DriverFuture<'a, ()> {
        Box::pin(async move {
            let object_id = self.element(document, selector).await?;
            let files = files.iter().map(|file| file.display().to_string());
            let set = DOM::SetFileInputFiles {
                files: files.collect(),
                node_id: None,
                backend_node_id: None,
                object_id,
            };
            self.on(document, set).await?;
            Ok(())
        })
    }

    fn body<'a>(&'a self, call: &'a BrowserCall) -> DriverFuture<'a, Vec<u8>> {
        Box::pin(self.response_body(call))
    }

    /// Chromium tells it with the request.
    fn posted<'a>(&'a self, _: &'a BrowserCall) -> DriverFuture<'a, Option<String>> {
        Box::pin(async { Ok(None) })
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
        Box::pin(self.add_first(script))
    }

    fn record(&self) -> DriverFuture<'_, ()> {
        Box::pin(self.add_recorder())
    }

    fn clear_cookies(&self) -> DriverFuture<'_, ()> {
        Box::pin(self.forget_cookies())
    }

    fn told_of_history(&self) -> DriverFuture<'_, ()> {
        Box::pin(async move {
            let top = self.top();
            self.on(&top, PageDomain::GetNavigationHistory(None))
                .await
                .map(drop)
        })
    }

    fn screenshot(&self) -> DriverFuture<'_, Vec<u8>> {
        Box::pin(self.picture())
    }

    fn close_and_wipe(self: Box<Self>) -> DriverFuture<'static, bool> {
        Box::pin(self.end())
    }
}

impl Tab {
    async fn on<C: Method + Serialize>(
        &self,
        document: &Document,
        command: C,
    ) -> Result<C::ReturnObject, PageError> {
        self.connection.ask(Some(&document.window), command).await
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
            function_declaration: page_script!().to_owned(),
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

fn evaluate(script: &str, context: &str) -> Runtime::Evaluate {
    Runtime::Evaluate {
        expression: format!("(async () => {{ {script}\n}})()"),
        object_group: None,
        include_command_line_api: None,
        silent: None,
        context_id: None,
        return_by_value: Some(true),
        generate_preview: None,
        user_gesture: Some(true),
        await_promise: Some(true),
        throw_on_side_effect: None,
        timeout: None,
        disable_breaks: None,
        repl_mode: None,
        allow_unsafe_eval_blocked_by_csp: Some(true),
        unique_context_id: Some(context.to_owned()),
        serialization_options: None,
    }
}

/// What a script threw, with its stack where it has one.
fn thrown(details: Runtime::ExceptionDetails) -> String {
    let exception = details.exception;
    let described = exception.and_then(|exception| exception.description);
    described.unwrap_or(details.text)
}
