//! Passes for redirects: sealed by the runtime, carried by the browser.

use edgeproof_worker_core::{
    headers::{HeaderEdit, Headers},
    log::{LogEntry, LogLevel},
    redirect::{self, Pass},
};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

use crate::{coroutine::settled, incoming::Incoming, runtime};

#[wasm_bindgen(module = "/src/pass.js")]
extern "C" {
    fn seal(secret: &str, holder: &str, content: &str) -> Promise;

    fn open(secret: &str, holder: &str, token: &str) -> Promise;
}

impl Incoming {
    /// The pass of a request that is a redirect after an allowed call.
    pub(crate) async fn pass(&self) -> Option<Pass> {
        let token = redirect::token(&self.configuration, &self.head)?;
        let secret = self.configuration.secret_key.as_ref()?.for_passes();
        let holder = redirect::holder(&self.head, &self.head.url);
        let text = settled(open(&secret, &holder, token)).await.ok()?;
        Pass::read(&text.as_string()?, runtime::now())
    }

    /// What gives the browser a pass with this response, if it redirects there where one is needed.
    pub(crate) async fn pass_on(
        &self,
        pass: Option<Pass>,
        status: u16,
        fields: &Headers,
    ) -> Option<HeaderEdit> {
        let pass = pass?;
        let url = redirect::target(&self.configuration, &self.head, status, fields)?;
        let secret = self.configuration.secret_key.as_ref()?.for_passes();
        let holder = redirect::holder(&self.head, &url);
        let token = settled(seal(&secret, &holder, &pass.text())).await.ok()?;
        let cookie = redirect::hand_out(&self.head, &token.as_string()?);
        if cookie.is_none() {
            let reason = "what the rule adds is too long for a cookie: the redirect needs signals";
            self.log(&LogEntry::new(LogLevel::Warn, "redirect", reason));
        }
        cookie
    }
}
