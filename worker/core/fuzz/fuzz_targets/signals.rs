//! Header fields of calls: the flag is never taken for signals.
#![no_main]

use edgeproof_worker_core::{headers::Headers, protection, request::RequestHead, signals};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|lines: &str| {
    let headers = Headers::from_lines(lines);
    if let Some(head) = RequestHead::new("POST", "https://a.example/api", headers.clone()) {
        if matches!(headers.get("fp-data"), None | Some("" | "_")) {
            assert_eq!(signals::find(&head, None), None);
        }
        let _ = (head.addresses(), head.cross_origin().is_some());
        let _ = protection::without_own_headers(&head);
    }
});
