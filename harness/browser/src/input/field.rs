//! Fields: what is typed, chosen or set in them, and that it became so.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Input, KeyPress, Needs, OptionChoice, Ready};
use crate::page::PageError;

/// What a person waits for before a field is filled.
const FILLABLE: &[&str] = &["visible", "enabled", "editable"];

impl Input<'_> {
    /// Fills a field as a person does, whatever kind of field it is: what is typed replaces its content, an option of a
    /// select box is chosen, a checkbox is checked for `true`, the radio button of the group that has the value too.
    ///
    /// # Errors
    /// When the field cannot be filled until the time is over, or its value did not become so; the error says why.
    pub async fn fill(&self, selector: &str, values: &[String]) -> Result<(), PageError> {
        let what = format!("`{selector}` to be filled");
        let ready = self.field(selector, &what, &[]).await?;
        let one = || match values {
            [value] => Ok(value.as_str()),
            _ => Err(self.not_done(&what, "it takes one value")),
        };
        match ready.seen["kind"].as_str().unwrap_or_default() {
            "typed" | "editable" => self.type_into(selector, one()?, &what).await,
            "set" => self.set(selector, one()?, &what).await,
            "select" => {
                let choices = values.iter().cloned().map(OptionChoice::Any);
                self.select(selector, &choices.collect::<Vec<_>>()).await
            }
            "checkbox" => match one()? {
                "true" => self.check(selector, true).await,
                "false" => self.check(selector, false).await,
                _ => Err(self.not_done(&what, "it is a checkbox, and takes `true` or `false`")),
            },
            "radio" => self.fill_radio(selector, one()?, &ready, &what).await,
            "file" => {
                Err(self.not_done(&what, "it is a file field; the step `upload` fills those"))
            }
            _ => Err(self.not_done(&what, "it is no field")),
        }
    }

    /// Chooses options of a select box, and no others.
    ///
    /// # Errors
    /// When there is no such box or option, or the box did not take the choice.
    pub async fn select(&self, selector: &str, choices: &[OptionChoice]) -> Result<(), PageError> {
        let what = format!("an option of `{selector}` to be chosen");
        let ready = self.field(selector, &what, &["visible", "enabled"]).await?;
        if ready.seen["kind"] != "select" {
            return Err(self.not_done(&what, "it is no select box"));
        }
        let argument = json!({ "selector": selector, "choices": choices });
        let chosen = self.on(&ready, "select", argument, &what).await?;
        let texts = |key: &str| {
            let texts = chosen[key].as_array().into_iter().flatten();
            let texts = texts
                .filter_map(Value::as_str)
                .map(|text| format!("`{text}`"));
            texts.collect::<Vec<_>>().join(", ")
        };
        let reason = if !chosen["missing"].is_null() {
            let missing = serde_json::from_value::<OptionChoice>(chosen["missing"].clone());
            let missing = missing.map_or(String::new(), |missing| missing.shown());
            format!("it has no option {missing}; it has {}", texts("options"))
        } else if let Some(label) = chosen["disabled"].as_str() {
            format!("the option `{label}` is disabled")
        } else if chosen["single"] == true {
            "it takes one option only".to_owned()
        } else if !texts("wrong").is_empty() {
            format!("the page changed the choice of {}", texts("wrong"))
        } else {
            return Ok(());
        };
        Err(self.not_done(&what, &reason))
    }

    /// Chooses files in a file field, which may be invisible, as they often are.
    ///
    /// # Errors
    /// When there is no such field, or it did not take the files.
    pub async fn upload(&self, selector: &str, files: &[PathBuf]) -> Result<(), PageError> {
        let what = format!("files to be chosen in `{selector}`");
        let ready = self.field(selector, &what, &["enabled"]).await?;
        if ready.seen["kind"] != "file" {
            return Err(self.not_done(&what, "it is no file field"));
        }
        let set = self.page.driver.set_files(&ready.document, selector, files);
        match self.in_time(&what, set).await {
            // Such as several files in a field for one.
            Err(PageError::Browser(reason)) => return Err(self.not_done(&what, &reason)),
            set => set?,
        }
        let argument = json!({ "selector": selector });
        let there = match self.on(&ready, "files", argument, &what).await {
            // A page may send the files at once and go on.
            Err(PageError::Left { .. }) => return Ok(()),
            there => there?,
        };
        let names = files.iter().filter_map(|file| file.file_name());
        let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
        // A page may take the files out at once, to send them itself.
        if there == json!(names) || there == json!([]) {
            return Ok(());
        }
        Err(self.not_done(&what, &format!("it took {there}")))
    }

    /// Submits a form as its first button does: it is checked, and its `submit` event fires.
    ///
    /// # Errors
    /// When no such form turns up, or one of its fields is not valid.
    pub async fn submit(&self, selector: &str) -> Result<(), PageError> {
        let what = format!("the form `{selector}` to be submitted");
        let ready = self
            .ready(&Needs {
                what: &what,
                selector,
                stands_for: "",
                needs: &[],
            })
            .await?;
        let argument = json!({ "selector": selector });
        let submitted = match self.on(&ready, "submit", argument, &what).await {
            Err(PageError::Left { .. }) => return Ok(()),
            submitted => submitted?,
        };
        if let Some(other) = submitted["other"].as_str() {
            return Err(self.not_done(&what, &format!("{other} is no form")));
        }
        if let Some(field) = submitted["invalid"].as_str() {
            let message = submitted["message"].as_str().unwrap_or_default();
            return Err(self.not_done(&what, &format!("{field} is not valid: {message}")));
        }
        Ok(())
    }

    /// Presses a key, in an element if one is named, or else wherever the focus is.
    ///
    /// # Errors
    /// When the element cannot be clicked, as that is what gives it the focus, or the page does not respond.
    pub async fn press(&self, key: &KeyPress, selector: Option<&str>) -> Result<(), PageError> {
        let what = format!("`{key}` to be pressed");
        if let Some(selector) = selector {
            self.click(selector).await?;
        }
        let documents = self.documents().await?;
        let Some(document) = documents.last().filter(|_| self.is_whole(&documents)) else {
            return Err(self.not_done(&what, &self.missing("html").await));
        };
        self.in_time(&what, self.page.driver.press(document, key))
            .await
    }

    async fn field(
        &self,
        selector: &str,
        what: &str,
        needs: &'static [&'static str],
    ) -> Result<Ready, PageError> {
        self.ready(&Needs {
            what,
            selector,
            stands_for: "control",
            needs,
        })
        .await
    }

    async fn type_into(&self, selector: &str, text: &str, what: &str) -> Result<(), PageError> {
        let ready = self.field(selector, what, FILLABLE).await?;
        let argument = json!({ "selector": selector });
        self.on(&ready, "focus", argument.clone(), what).await?;
        if text.is_empty() {
            let delete = KeyPress::delete();
            self.in_time(what, self.page.driver.press(&ready.document, &delete))
                .await?;
        } else {
            self.in_time(what, self.page.driver.insert_text(&ready.document, text))
                .await?;
        }
        self.has_become(&ready, selector, &text.replace("\r\n", "\n"), what)
            .await
    }

    async fn set(&self, selector: &str, value: &str, what: &str) -> Result<(), PageError> {
        let ready = self.field(selector, what, FILLABLE).await?;
        let argument = json!({ "selector": selector, "value": value });
        self.on(&ready, "set", argument, what).await?;
        self.has_become(&ready, selector, value, what).await
    }

    async fn has_become(
        &self,
        ready: &Ready,
        selector: &str,
        value: &str,
        what: &str,
    ) -> Result<(), PageError> {
        let argument = json!({ "selector": selector });
        let content = match self.on(ready, "content", argument, what).await {
            // Some fields send what was typed at once.
            Err(PageError::Left { .. }) => return Ok(()),
            content => content?,
        };
        let content = content.as_str().unwrap_or_default();
        if content == value {
            return Ok(());
        }
        let reason = match content {
            "" => "it is empty: it does not take such a value".to_owned(),
            content => format!("its value became `{content}`"),
        };
        Err(self.not_done(what, &reason))
    }

    async fn fill_radio(
        &self,
        selector: &str,
        value: &str,
        ready: &Ready,
        what: &str,
    ) -> Result<(), PageError> {
        match value {
            "true" => return self.check(selector, true).await,
            "false" => {
                let reason = "a radio button is unchecked by checking another one";
                return Err(self.not_done(what, reason));
            }
            _ => {}
        }
        let argument = json!({ "selector": selector, "value": value });
        let found = self.on(ready, "radio", argument, what).await?;
        match found["selector"].as_str() {
            Some(wanted) => self.check(wanted, true).await,
            None => {
                let reason = format!(
                    "no button of its group has this value; they have {}",
                    found["values"]
                );
                Err(self.not_done(what, &reason))
            }
        }
    }

    /// What was tried had not the effect it is for.
    pub(super) fn not_done(&self, what: &str, reason: &str) -> PageError {
        PageError::Refused {
            what: what.to_owned(),
            reason: reason.to_owned(),
        }
    }
}
