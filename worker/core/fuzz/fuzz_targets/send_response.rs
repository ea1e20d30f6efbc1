//! Responses of the platform: nothing but a valid one of this call is taken.
#![no_main]

use edgeproof_worker_core::{
    configuration::Configuration, edge, headers::Headers, identification, protection, request::RequestHead,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let headers = Headers::from_lines("cf-connecting-ip: ::1\norigin: https://a.example");
    let Some(head) = RequestHead::new("POST", "https://a.example/api", headers) else { return };
    let _ = edge::judge(200, body);
    let configuration = Configuration::read(|name| (name == "FP_RULESET_ID").then(|| "rs_1".to_owned()));
    let identified = identification::judge(&configuration, &head, 200, body, 0);
    if identified.is_ok() {
        // Its event was not replayed, which only this word can say.
        assert!(str::from_utf8(body).is_ok_and(|text| text.contains("false")));
    }
    let _ = protection::decide(&configuration, &head, None, identified);
});
