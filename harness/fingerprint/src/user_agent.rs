//! Reads browser and operating system from a user agent, in the words of the platform's events.

use super::event::BrowserDetails;

/// Browsers by the token that names them; the first that is there counts, since every browser also claims to be
/// the ones below it.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("HeadlessChrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("Version/", "Safari"),
    ("curl/", "curl"),
];

/// Operating systems by the token in front of their version, with the sign between the parts of the version.
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows NT ", "Windows"),
    ("Android ", "Android"),
    ("iPhone OS ", "iOS"),
    ("CPU OS ", "iOS"),
    ("Mac OS X ", "Mac OS X"),
    ("CrOS ", "Chrome OS"),
    ("Linux", "Linux"),
];

/// What a user agent says; what it does not say is `Other` or empty.
pub(super) fn read(user_agent: &str) -> BrowserDetails {
    let (browser, full) = BROWSERS
        .into_iter()
        .find_map(|(token, name)| Some((name, version(after(user_agent, token)?))))
        .unwrap_or(("Other", String::new()));
    let (os, os_version) = SYSTEMS
        .into_iter()
        .find_map(|(token, name)| Some((name, version(after(user_agent, token)?))))
        .unwrap_or(("Other", String::new()));
    // Windows 10 and later all say 10.0.
    let os_version = if os == "Windows" && os_version == "10.0" {
        "10".to_owned()
    } else {
        os_version
    };
    BrowserDetails {
        browser_name: browser.to_owned(),
        browser_major_version: full.split('.').next().unwrap_or_default().to_owned(),
        browser_full_version: full,
        os: os.to_owned(),
        os_version,
        device: device(user_agent).to_owned(),
    }
}

fn after<'a>(text: &'a str, token: &str) -> Option<&'a str> {
    text.find(token).map(|at| &text[at + token.len()..])
}

/// Up to three numbers at the start of a text: `156.0.8078.79 Safari` is `156.0.8078`.
fn version(text: &str) -> String {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | '_'))
        .unwrap_or(text.len());
    let parts: Vec<_> = text[..end]
        .split(['.', '_'])
        .filter(|part| !part.is_empty())
        .take(3)
        .collect();
    parts.join(".")
}

fn device(user_agent: &str) -> &'static str {
    ["iPhone", "iPad"]
        .into_iter()
        .find(|name| user_agent.contains(name))
        .unwrap_or(if user_agent.contains("Android") {
            "Generic Smartphone"
        } else {
            "Other"
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
        ["Chrome", "156", "156.0.0", "Linux", "", "Other"]
    )]
    #[case(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.3.1",
        ["Edge", "150", "150.0.3", "Windows", "10", "Other"]
    )]
    #[case(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
        ["Safari", "26", "26.1", "Mac OS X", "10.15.7", "Other"]
    )]
    #[case(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
        ["Chrome", "131", "131.0.6778", "iOS", "18.2", "iPhone"]
    )]
    #[case(
        "Mozilla/5.0 (Android 15; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0",
        ["Firefox", "133", "133.0", "Android", "15", "Generic Smartphone"]
    )]
    #[case("curl/8.14.1", ["curl", "8", "8.14.1", "Other", "", "Other"])]
    #[case("", ["Other", "", "", "Other", "", "Other"])]
    fn browser_and_system_are_read_from_a_user_agent(
        #[case] user_agent: &str,
        #[case] expected: [&str; 6],
    ) {
        let found = read(user_agent);
        assert_eq!(
            [
                found.browser_name.as_str(),
                &found.browser_major_version,
                &found.browser_full_version,
                &found.os,
                &found.os_version,
                &found.device,
            ],
            expected
        );
    }
}
