//! The settings that a Firefox is started with. The remote agent makes some hundred more itself: no updates, no telemetry.

use std::{io, net::SocketAddr, path::Path};

use edgeproof_ground::causes::about;
use serde_json::{Value, json};

use crate::process::Kind;

/// What every Firefox has: no traffic of its own, and no way for a page past the gateway.
fn common() -> Vec<(&'static str, Value)> {
    vec![
        ("browser.startup.page", json!(0)),
        ("browser.startup.homepage", json!("about:blank")),
        ("browser.newtabpage.enabled", json!(false)),
        // Nobody listens there.
        ("services.settings.server", json!("http://127.0.0.1:9/")),
        ("browser.chrome.site_icons", json!(false)),
        // A request whose connection is cut would be sent again, as one request to anyone who watches.
        ("network.http.request.max-attempts", json!(1)),
        // A web socket would be tried over HTTP/2 first, which Cloudflare does not take, and be made anew by another attempt.
        ("network.http.http2.websockets", json!(false)),
        ("network.http.speculative-parallel-limit", json!(0)),
        ("network.prefetch-next", json!(false)),
        ("network.predictor.enabled", json!(false)),
        ("network.dns.disablePrefetch", json!(true)),
        ("network.http.http3.enable", json!(false)),
        // Codecs are not fetched.
        ("media.gmp-manager.updateEnabled", json!(false)),
        ("media.gmp-provider.enabled", json!(false)),
        // WebRTC sends to addresses, not to names, so a proxy for names does not stop it: it may use relays only, and none of
        // those that a page names.
        ("media.peerconnection.ice.relay_only", json!(true)),
        ("media.peerconnection.use_document_iceservers", json!(false)),
        // All pages are in one process, frames of other sites with them: they are watched and acted in as the page is, and
        // no visit waits for a process to be started.
        ("fission.autostart", json!(false)),
        ("dom.ipc.processCount", json!(1)),
        // A script that never ends is ended with the browser.
        ("dom.max_script_run_time", json!(0)),
        ("intl.accept_languages", json!("en-US, en")),
    ]
}

/// The settings of a kind of Firefox whose connections lead to a gateway.
pub(super) fn of(kind: Kind, gateway: SocketAddr) -> Vec<(&'static str, Value)> {
    let mut settings = common();
    settings.extend([
        ("network.proxy.type", json!(1)),
        ("network.proxy.socks", json!(gateway.ip().to_string())),
        ("network.proxy.socks_port", json!(gateway.port())),
        ("network.proxy.socks_version", json!(5)),
        ("network.proxy.socks_remote_dns", json!(true)),
        ("network.proxy.no_proxies_on", json!("")),
        ("network.proxy.allow_hijacking_localhost", json!(true)),
    ]);
    if kind == Kind::Private {
        settings.push(("browser.privatebrowsing.autostart", json!(true)));
    }
    settings
}

/// Writes them where Firefox reads them when it starts.
pub(super) fn write(profile: &Path, settings: &[(&'static str, Value)]) -> io::Result<()> {
    let line = |(name, value): &(&str, Value)| format!("user_pref(\"{name}\", {value});\n");
    let lines: String = settings.iter().map(line).collect();
    let file = profile.join("user.js");
    std::fs::write(&file, lines).map_err(about(&file))
}
