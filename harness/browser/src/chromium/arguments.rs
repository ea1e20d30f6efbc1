//! The command line of each kind of Chromium.

use std::{net::SocketAddr, path::Path};

use crate::process::Kind;

/// What every Chromium is started with: no traffic of its own, and no way for a page past the gateway.
const COMMON: [&str; 17] = [
    "--disable-gpu",
    // WebRTC sends to addresses, not to names, so no rule about names stops it.
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--metrics-recording-only",
    "--password-store=basic",
    "--remote-debugging-port=0",
    // Frames of other sites are in the process of their page, so that they are watched and acted in as the page is.
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,site-per-process",
    // A page in the background is throttled otherwise, and its timings say so.
    "--disable-renderer-backgrounding",
];

/// Names that Chromium asks for on its own account; they resolve nowhere, or they would stand in the trace as visits.
const OWN_TRAFFIC: &str = "MAP *.google.com ~NOTFOUND,MAP *.googleapis.com ~NOTFOUND,";

/// What it takes to start a Chromium.
pub(super) struct Launch<'a> {
    pub(super) kind: Kind,
    /// Whether its windows are shown.
    pub(super) headed: bool,
    /// Whether pages are kept in a sandbox.
    pub(super) sandboxed: bool,
    /// Its profile directory. It must be on a disk: one in memory looks like a private window.
    pub(super) directory: &'a Path,
    /// Where every name leads.
    pub(super) gateway: SocketAddr,
    /// Whether it is asked for each name, as a proxy is.
    pub(super) on_network: bool,
    /// The key of the certificate authority it trusts beside those it knows; empty where there is none.
    pub(super) trusted_key: &'a str,
    /// The major version, for the user agent of a person's browser.
    pub(super) major_version: u32,
}

pub(super) fn arguments(launch: &Launch<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = COMMON.iter().map(ToString::to_string).collect();
    if !launch.sandboxed {
        arguments.push("--no-sandbox".to_owned());
    }
    if !launch.headed {
        arguments.push("--headless".to_owned());
    }
    arguments.extend([
        format!("--user-data-dir={}", launch.directory.display()),
        "--window-size=1280,900".to_owned(),
        "--lang=en-GB".to_owned(),
    ]);
    if launch.on_network {
        // The proxy looks names up: what it refuses is asked of nobody. Chromium goes past proxies to this machine unless
        // it is told not to.
        arguments.extend([
            format!("--proxy-server=socks5://{}", launch.gateway),
            "--proxy-bypass-list=<-loopback>".to_owned(),
            format!(
                "--host-resolver-rules=MAP * ~NOTFOUND,EXCLUDE {}",
                launch.gateway.ip()
            ),
        ]);
    } else {
        arguments.extend([
            // The machine's proxies know nothing of a rig: every name leads to the gateway.
            "--no-proxy-server".to_owned(),
            format!(
                "--host-resolver-rules={OWN_TRAFFIC}MAP * {}",
                launch.gateway
            ),
        ]);
    }
    if !launch.trusted_key.is_empty() {
        arguments.push(format!(
            "--ignore-certificate-errors-spki-list={}",
            launch.trusted_key
        ));
    }
    if launch.kind != Kind::Automated {
        // Without these two the browser says that a program drives it.
        arguments.push("--disable-blink-features=AutomationControlled".to_owned());
        arguments.push(format!("--user-agent={}", user_agent(launch.major_version)));
    }
    arguments.push("about:blank".to_owned());
    arguments
}

/// The reduced user agent of a person's Chrome, for the system this one runs on.
fn user_agent(major_version: u32) -> String {
    let system = if cfg!(target_os = "macos") {
        "Macintosh; Intel Mac OS X 10_15_7"
    } else {
        "X11; Linux x86_64"
    };
    format!(
        "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major_version}.0.0.0 Safari/537.36"
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn launch<'a>(sandboxed: bool, on_network: bool, trusted_key: &'a str) -> Launch<'a> {
        Launch {
            kind: Kind::Personal,
            headed: false,
            sandboxed,
            directory: Path::new("/profile"),
            gateway: SocketAddr::from(([127, 0, 0, 1], 1)),
            on_network,
            trusted_key,
            major_version: 156,
        }
    }

    #[rstest]
    fn pages_are_in_a_sandbox_unless_there_can_be_none(#[values(true, false)] sandboxed: bool) {
        let arguments = arguments(&launch(sandboxed, false, "key"));
        assert_eq!(arguments.contains(&"--no-sandbox".to_owned()), !sandboxed);
    }

    #[test]
    fn on_the_network_nothing_is_looked_up_past_the_proxy_and_no_certificate_is_excused() {
        let arguments = arguments(&launch(true, true, ""));
        let has = |start: &str| arguments.iter().any(|argument| argument.starts_with(start));
        assert!(
            has("--host-resolver-rules=MAP * ~NOTFOUND,"),
            "{arguments:?}"
        );
        assert!(has("--proxy-server=socks5://127.0.0.1:1"), "{arguments:?}");
        assert!(!has("--ignore-certificate"), "{arguments:?}");
    }
}
