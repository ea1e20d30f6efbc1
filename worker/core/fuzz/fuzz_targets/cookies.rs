//! Cookie headers: what is found is part of what was sent.
#![no_main]

use edgeproof_worker_core::identification::identification_cookie;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &str| {
    if let Some(value) = identification_cookie(header) {
        assert!(header.contains(value));
    }
});
