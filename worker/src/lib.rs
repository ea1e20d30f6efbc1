//! The shell of the worker: the only code that touches the Workers runtime.
//!
//! `entry.js` makes a [`RequestTask`] of each request and drives it to its response. Every decision on the way is taken by
//! `edgeproof-worker-core`; here stand the runtime calls between two decisions.

mod coroutine;
mod incoming;
mod page;
mod pass;
mod protected;
mod runtime;
mod scripts;
mod wallarm;

use std::{cell::OnceCell, rc::Rc};

use edgeproof_worker_core::{
    configuration::Configuration,
    log::{LogEntry, LogLevel},
    response::OwnResponse,
};
use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::{
    coroutine::{Coroutine, Step},
    incoming::Incoming,
    runtime::{Request, Response},
};

/// One request on its way to its response.
#[wasm_bindgen]
pub struct RequestTask {
    coroutine: Coroutine,
    response: JsValue,
}

#[wasm_bindgen]
impl RequestTask {
    /// A task of this request. Nothing happens before the first `step`. `aside` is called with tasks that go on when
    /// the request has its response.
    #[wasm_bindgen(constructor)]
    pub fn new(request: Request, env: JsValue, aside: Function) -> Self {
        Self::of(async move { incoming(request, &env, aside)?.respond().await })
    }

    /// Goes on with what became of the promise that was waited for: the next promise, or `undefined` at the end.
    pub fn step(&mut self, settled: JsValue, is_rejected: bool) -> JsValue {
        let settled = if is_rejected {
            Err(settled)
        } else {
            Ok(settled)
        };
        match self.coroutine.step(settled) {
            Step::Await(promise) => promise.into(),
            Step::Done(response) => {
                self.response = response;
                JsValue::UNDEFINED
            }
        }
    }

    /// The response, at the end.
    pub fn response(self) -> JsValue {
        self.response
    }

    fn of(response: impl Future<Output = Result<Response, JsValue>> + 'static) -> Self {
        Self::going(async move {
            response
                .await
                .map_or_else(|error| failed(&error), JsValue::from)
        })
    }

    fn going(future: impl Future<Output = JsValue> + 'static) -> Self {
        Self {
            coroutine: Coroutine::new(future),
            response: JsValue::UNDEFINED,
        }
    }
}

/// A task of a request whose first task ended in a trap: the failure mode decides.
#[wasm_bindgen]
pub fn recover(request: Request, env: JsValue, aside: Function) -> RequestTask {
    RequestTask::of(async move { incoming(request, &env, aside)?.recover().await })
}

fn incoming(request: Request, env: &JsValue, aside: Function) -> Result<Incoming, JsValue> {
    let (head, target, signals) = runtime::head(&request)
        .ok_or_else(|| JsValue::from_str("the URL is not one of the web"))?;
    Ok(Incoming {
        configuration: configuration(env),
        head: Rc::new(head),
        target,
        signals,
        request,
        aside,
        inspection: OnceCell::new(),
    })
}

/// The configuration of this isolate, read from the variables of its first request.
fn configuration(env: &JsValue) -> Rc<Configuration> {
    thread_local! {
        static CONFIGURATION: OnceCell<Rc<Configuration>> = const { OnceCell::new() };
    }
    CONFIGURATION.with(|configuration| {
        let read = || {
            let configuration = Configuration::read(|name| {
                runtime::variable(env, name).or_else(|| wallarm::default_variable(name))
            });
            for problem in &configuration.problems {
                let entry = LogEntry::new(LogLevel::Error, "configuration", problem.to_string());
                runtime::write(configuration.log_level, &entry, None);
            }
            Rc::new(configuration)
        };
        Rc::clone(configuration.get_or_init(read))
    })
}

/// The last resort, when the runtime refused a call that nothing can be done without.
#[cold]
fn failed(error: &JsValue) -> JsValue {
    let entry = LogEntry::new(LogLevel::Error, "fail", runtime::message(error));
    runtime::write(LogLevel::Error, &entry, None);
    runtime::respond(&OwnResponse::text(500, "Internal Server Error"))
        .map_or(JsValue::UNDEFINED, JsValue::from)
}
