//! Tasks: Rust futures that JavaScript drives, one promise at a time.
//!
//! A task waits for one promise after the other and for nothing else, so it needs no task queue: `step` polls the
//! future, which leaves the promise it waits for in the mailbox, and JavaScript calls `step` again with what became of
//! it. Wasm runs only inside `step`, so a trap is an exception of that call, and the tasks of an isolate share nothing.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use js_sys::Promise;
use wasm_bindgen::prelude::*;

thread_local! {
    static MAILBOX: RefCell<Mailbox> = const { RefCell::new(Mailbox { awaited: None, settled: None }) };
}

/// What passes between a future and the JavaScript that drives it, during one `step`.
struct Mailbox {
    awaited: Option<Promise>,
    settled: Option<Result<JsValue, JsValue>>,
}

/// The future of one request's response.
pub(crate) struct Coroutine {
    future: Pin<Box<dyn Future<Output = JsValue>>>,
}

impl Coroutine {
    pub(crate) fn new(future: impl Future<Output = JsValue> + 'static) -> Self {
        Self {
            future: Box::pin(future),
        }
    }

    /// Goes on until the next promise or the end.
    pub(crate) fn step(&mut self, settled: Result<JsValue, JsValue>) -> Step {
        MAILBOX.with_borrow_mut(|mailbox| mailbox.settled = Some(settled));
        let polled = self
            .future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let awaited = MAILBOX.with_borrow_mut(|mailbox| {
            mailbox.settled = None;
            mailbox.awaited.take()
        });
        match (polled, awaited) {
            (Poll::Ready(value), _) => Step::Done(value),
            (Poll::Pending, awaited) => {
                Step::Await(awaited.unwrap_or_else(|| Promise::resolve(&JsValue::UNDEFINED)))
            }
        }
    }
}

/// How far a coroutine came.
pub(crate) enum Step {
    /// It waits for this promise.
    Await(Promise),
    /// It has ended.
    Done(JsValue),
}

/// A future behind a pointer: its code is a function of its own. The runtime compiles a function whole when it first
/// runs, so what few requests need is kept out of the functions that all of them run.
#[inline(never)]
pub(crate) fn apart<'a, T>(
    future: impl Future<Output = T> + 'a,
) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
}

/// Waits for a promise.
pub(crate) fn settled(promise: Promise) -> Settled {
    Settled(Some(promise))
}

/// The future of a promise.
pub(crate) struct Settled(Option<Promise>);

impl Future for Settled {
    type Output = Result<JsValue, JsValue>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        MAILBOX.with_borrow_mut(|mailbox| match self.0.take() {
            Some(promise) => {
                mailbox.awaited = Some(promise);
                Poll::Pending
            }
            None => Poll::Ready(mailbox.settled.take().unwrap_or(Ok(JsValue::UNDEFINED))),
        })
    }
}
