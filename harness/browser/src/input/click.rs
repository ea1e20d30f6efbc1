//! The mouse: clicks and hovers.

use serde_json::{Value, json};

use super::{Input, Needs, Obstacle};
use crate::{
    driver::{Aim, Motion},
    page::PageError,
};

/// What a person waits for before a click: the element is there to be seen, can be used, rests, and nothing covers it.
const CLICKABLE: &[&str] = &["visible", "enabled", "point", "aim"];

impl Input<'_> {
    /// Clicks in the middle of an element.
    ///
    /// # Errors
    /// When the element is not there, not visible, disabled, moving or covered until the time is over; the error says which.
    pub async fn click(&self, selector: &str) -> Result<(), PageError> {
        self.press_mouse(selector, "", &format!("`{selector}` to be clicked"))
            .await
    }

    /// Moves the mouse over an element.
    ///
    /// # Errors
    /// As for a click, but that the element may be disabled.
    pub async fn hover(&self, selector: &str) -> Result<(), PageError> {
        let what = format!("the mouse to be moved over `{selector}`");
        let ready = self
            .ready(&Needs {
                what: &what,
                selector,
                stands_for: "",
                needs: &["visible", "point"],
            })
            .await?;
        let aim = Aim {
            document: ready.document,
            in_window: ready.in_window,
        };
        self.in_time(&what, self.page.driver.mouse(&aim, &[Motion::Move]))
            .await
    }

    /// Checks a checkbox or a radio button, or unchecks a checkbox. It is not touched if it is so already.
    ///
    /// # Errors
    /// When it cannot be clicked, or is not so after the click.
    pub async fn check(&self, selector: &str, checked: bool) -> Result<(), PageError> {
        let wanted = if checked { "checked" } else { "unchecked" };
        let what = format!("`{selector}` to be {wanted}");
        let ready = self
            .ready(&Needs {
                what: &what,
                selector,
                stands_for: "control",
                needs: &[],
            })
            .await?;
        let argument = json!({ "selector": selector });
        let before = self.on(&ready, "checked", argument.clone(), &what).await?;
        match before.as_bool() {
            None => return Err(self.not_done(&what, "it is no checkbox and no radio button")),
            Some(before) if before == checked => return Ok(()),
            Some(_) => self.press_mouse(selector, "choice", &what).await?,
        }
        // Where the click led to another page there is nothing left to look at.
        match self.on(&ready, "checked", argument, &what).await {
            Ok(Value::Bool(after)) if after != checked => {
                let state = if after { "checked" } else { "unchecked" };
                Err(self.not_done(&what, &format!("it is still {state} after a click")))
            }
            Ok(_) | Err(PageError::Left { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Presses the button of the mouse over an element, until the press has reached it.
    async fn press_mouse(
        &self,
        selector: &str,
        stands_for: &'static str,
        what: &str,
    ) -> Result<(), PageError> {
        let needs = Needs {
            what,
            selector,
            stands_for,
            needs: CLICKABLE,
        };
        self.attempt(&needs, |attempt| self.try_press(&needs, attempt))
            .await
    }

    async fn try_press(
        &self,
        needs: &Needs<'_>,
        attempt: usize,
    ) -> Result<Result<(), Obstacle>, PageError> {
        let ready = match self.look(needs, attempt).await? {
            Ok(ready) => ready,
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        let aim = Aim {
            document: ready.document,
            in_window: ready.in_window,
        };
        let press = [Motion::Move, Motion::Down, Motion::Up];
        self.page.driver.mouse(&aim, &press).await?;
        match self
            .page
            .driver
            .act(&aim.document, "hit", Value::Null)
            .await
        {
            Ok(hit) if hit["reached"] == false => {
                let by = hit["by"].as_str().unwrap_or("something that moved");
                Ok(Err(Obstacle::Covered(by.to_owned())))
            }
            // The click has led to another page, or closed the window or the frame.
            Ok(_) | Err(PageError::Left { .. }) => Ok(Ok(())),
            Err(error) => Err(error),
        }
    }
}
