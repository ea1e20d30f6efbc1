//! URL patterns against URLs: a pattern made from a URL matches it.
#![no_main]

use edgeproof_worker_core::pattern::Pattern;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|input: (&str, &str)| {
    let (pattern, url) = input;
    let Ok(url) = Url::parse(url) else { return };
    if let Ok(pattern) = Pattern::parse(pattern) {
        let _ = pattern.matches(&url);
    }
    if matches!(url.scheme(), "http" | "https") && url.query().is_none() {
        if let Ok(own) = Pattern::parse(url.as_str()) {
            assert!(own.matches(&url), "{url}");
        }
    }
});
