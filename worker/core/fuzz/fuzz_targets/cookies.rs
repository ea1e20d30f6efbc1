//! Cookie headers: what is found is part of what was sent.
#![no_main]

use edgeproof_worker_core::{
    headers::Headers, identification::identification_cookie, request::RequestHead,
    signals::cookies,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &str| {
    if let Some(value) = identification_cookie(header) {
        assert!(header.contains(value));
    }
    let cookies = header.replace(['\r', '\n'], " ");
    let headers = Headers::from_iter([("cookie", cookies.as_str())]);
    if let Some(head) = RequestHead::new("GET", "https://a.example/page", headers) {
        if let Some(signals) = cookies::from_cookies(&head) {
            assert!(signals.len() <= cookies.len());
        }
        assert!(cookies::expire(&head).iter().all(|edit| edit.is_legal()));
        let _ = cookies::strip(&head.headers);
    }
});
