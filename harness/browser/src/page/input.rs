//! What a visitor does in a page: fills, clicks, submits, presses a key.

use std::time::Duration;

use headless_chrome::protocol::cdp::Input;

use serde_json::Value;

use super::{LOOK_AGAIN, Page, PageError};

impl Page {
    /// Types into a field, as a person does: it is focused, its old content replaced.
    ///
    /// # Errors
    /// When no such field turns up in time.
    pub async fn fill(&self, selector: &str, text: &str, limit: Duration) -> Result<(), PageError> {
        self.point_of(selector, limit).await?;
        let script = format!(
            "const field = document.querySelector({}); field.focus(); field.select?.();",
            quoted(selector)
        );
        self.run(&script).await?;
        self.ask(Input::InsertText {
            text: text.to_owned(),
        })
        .await?;
        Ok(())
    }

    /// Clicks in the middle of an element with the mouse.
    ///
    /// # Errors
    /// When no such element turns up in time.
    pub async fn click(&self, selector: &str, limit: Duration) -> Result<(), PageError> {
        use Input::DispatchMouseEventTypeOption::{MouseMoved, MousePressed, MouseReleased};

        let point = self.point_of(selector, limit).await?;
        self.ask(mouse(MouseMoved, point)).await?;
        self.ask(mouse(MousePressed, point)).await?;
        // A click that opens a window puts this page in the background, where the browser does not tell that the
        // button is up again.
        let mut opened = self.opened.subscribe();
        tokio::select! {
            released = self.ask(mouse(MouseReleased, point)) => released.map(|_| ()),
            _ = opened.changed() => Ok(()),
        }
    }

    /// Submits a form as its first button does: it is checked, and its `submit` event fires.
    ///
    /// # Errors
    /// When no such form turns up in time, or it is no form.
    pub async fn submit(&self, selector: &str, limit: Duration) -> Result<(), PageError> {
        self.point_of(selector, limit).await?;
        let form = quoted(selector);
        self.run(&format!("document.querySelector({form}).requestSubmit()"))
            .await
            .map(|_| ())
    }

    /// Presses Enter wherever the focus is.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn press_enter(&self) -> Result<(), PageError> {
        use Input::DispatchKeyEventTypeOption::{KeyDown, KeyUp};

        self.ask(enter(KeyDown)).await?;
        self.ask(enter(KeyUp)).await?;
        Ok(())
    }

    /// Waits until the selector matches, scrolls the element into view, and tells where its middle is.
    ///
    /// The page is asked again and again instead of once with a promise: it may be left for another one meanwhile,
    /// and then nobody would keep the promise.
    async fn point_of(&self, selector: &str, limit: Duration) -> Result<(f64, f64), PageError> {
        let script = format!(
            "const found = document.querySelector({});
             if (!found) return null;
             found.scrollIntoView({{ block: 'center', behavior: 'instant' }});
             const box = found.getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2];",
            quoted(selector)
        );
        let search = async {
            loop {
                match self.run(&script).await {
                    Ok(point) => {
                        if let (Some(x), Some(y)) = (point[0].as_f64(), point[1].as_f64()) {
                            return Ok((x, y));
                        }
                    }
                    // The page is on its way to another one; if the browser is gone, that ends at the limit too.
                    Err(PageError::Browser(_)) => {}
                    Err(error) => return Err(error),
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(limit, search)
            .await
            .unwrap_or_else(|_| {
                Err(PageError::Late {
                    what: format!("an element `{selector}`"),
                    limit,
                })
            })
    }
}

fn mouse(
    kind: Input::DispatchMouseEventTypeOption,
    (x, y): (f64, f64),
) -> Input::DispatchMouseEvent {
    let button = match kind {
        Input::DispatchMouseEventTypeOption::MouseMoved => Input::MouseButton::None,
        _ => Input::MouseButton::Left,
    };
    Input::DispatchMouseEvent {
        Type: kind,
        x,
        y,
        button: Some(button),
        click_count: Some(1),
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

fn enter(kind: Input::DispatchKeyEventTypeOption) -> Input::DispatchKeyEvent {
    const CODE: u32 = 13;
    Input::DispatchKeyEvent {
        Type: kind,
        key: Some("Enter".to_owned()),
        text: Some("\r".to_owned()),
        code: Some("Enter".to_owned()),
        windows_virtual_key_code: Some(CODE),
        native_virtual_key_code: Some(CODE),
        modifiers: None,
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

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
