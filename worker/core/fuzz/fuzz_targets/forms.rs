//! Form bodies: cuts are in order, apart, and inside the body.
#![no_main]

use edgeproof_worker_core::form::FormScanner;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], bool)| {
    let (content_type, body, is_whole) = input;
    let types = [
        content_type,
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
    ];
    for mut scanner in types.into_iter().filter_map(FormScanner::new) {
        scanner.push(body);
        let form = scanner.finish(is_whole);
        let mut end = 0;
        for cut in &form.cuts {
            assert!(end <= cut.start && cut.start < cut.end && cut.end <= body.len());
            end = cut.end;
        }
        assert_eq!(form.data.is_some(), !form.cuts.is_empty());
    }
    // What overrides the method stands in the body, however it is written.
    for mut scanner in ["application/json"]
        .into_iter()
        .chain(types)
        .filter_map(FormScanner::of_overriding)
    {
        scanner.push(body);
        let form = scanner.finish(is_whole);
        assert!(form.methods.is_empty() || body.len() > "_method".len());
        assert!(is_whole || !form.is_whole);
    }
});
