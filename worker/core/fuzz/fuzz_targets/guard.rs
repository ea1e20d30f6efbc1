//! The guard: whatever matches a protected API is a call of it, and so is the same with its bytes escaped.
#![no_main]

use edgeproof_worker_core::{
    configuration::Configuration,
    headers::Headers,
    matching::{Route, route},
    request::RequestHead,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, u8)| {
    let (method, url, pattern, seed) = input;
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let apis = format!(
        r#"[{{"method":"POST","url":"{}"}},{{"method":"{}","url":"*/a/b.php*"}}]"#,
        quoted(pattern),
        quoted(method)
    );
    let configuration = Configuration::read(|name| match name {
        "FP_RULESET_ID" => Some("rs_1".to_owned()),
        "PROTECTED_APIS" => Some(apis.clone()),
        _ => None,
    });
    let judged = |url: &str| {
        let head = RequestHead::new("POST", url, Headers::default())?;
        let is_call = matches!(
            route(&configuration, &head),
            Route::Protected | Route::NearMiss(_)
        );
        Some((head, is_call))
    };
    let Some((head, is_call)) = judged(url) else {
        return;
    };
    let mut apis = configuration.protected_apis.iter();
    if apis.any(|api| api.method.as_str() == "POST" && api.url.matches(&head.url)) {
        assert!(is_call, "{url}");
        // Escaped bytes are the same path to the guard, wherever they stand.
        let path: String = head
            .url
            .path()
            .bytes()
            .enumerate()
            .map(|(at, byte)| {
                let is_plain = byte.is_ascii_alphanumeric() && seed.rotate_left(at as u32) & 1 == 1;
                if is_plain && !is_in_escape(head.url.path(), at) {
                    format!("%{byte:02X}")
                } else {
                    char::from(byte).to_string()
                }
            })
            .collect();
        let escaped = format!("https://{}{path}", head.url.host_str().unwrap_or_default());
        if let Some((_, is_call)) = judged(&escaped) {
            assert!(is_call, "{url} as {escaped}");
        }
    }
});

/// Whether a byte is a digit of an escape.
fn is_in_escape(path: &str, at: usize) -> bool {
    path.as_bytes()[at.saturating_sub(2)..at].contains(&b'%')
}
