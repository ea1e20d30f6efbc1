//! Variables, whatever they hold: a route prefix stays plain segments and calls go to the ingress host.
#![no_main]

use edgeproof_worker_core::{configuration::Configuration, script};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|values: (String, String, String, String)| {
    let (prefix, host, apis, rest) = &values;
    let configuration = Configuration::read(|name| match name {
        "WORKER_ROUTE_PREFIX" => Some(prefix.clone()),
        "FP_INGRESS_BASE_HOST" => Some(host.clone()),
        "PROTECTED_APIS" | "IDENTIFICATION_PAGE_URLS" | "FP_FAILURE_FALLBACK_ACTION" => Some(apis.clone()),
        _ => Some(rest.clone()),
    });
    if let Some(prefix) = &configuration.route_prefix {
        assert!(!prefix.starts_with('/') && !prefix.contains(['"', '<', '?', '#']));
    }
    if let Some(url) = script::browser_cache_url(&configuration, rest) {
        let url = url::Url::parse(&url).expect("the worker fetches URLs only");
        let ingress = url::Url::parse(&configuration.ingress).expect("the ingress is a URL");
        assert_eq!(url.origin(), ingress.origin());
    }
});
