//! `edgeproof new`: a first scenario, from a page and the API it calls.

use std::{fs, io::Write, path::PathBuf};

use edgeproof_deployment::ProtectedApi;
use edgeproof_ground::international;
use edgeproof_origin::Address;
use edgeproof_run::exit;
use url::Url;

use super::CliError;

/// The options of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The page, such as `https://shop.example/signup`.
    #[arg(value_name = "PAGE")]
    page: Url,
    /// The API to protect, which the page calls, such as `POST /api/create-account`.
    #[arg(value_name = "API")]
    api: String,
    /// Your own application, the origin behind the edge.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    app: Address,
    /// The file to write [default: a name from the page].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Why no scenario could be written.
#[derive(Debug, thiserror::Error)]
enum NewError {
    /// The page has no host to protect.
    #[error("`{0}` is not a page, such as https://shop.example/signup")]
    Page(Url),
    /// The API is not a method and a URL.
    #[error("`{api}` is not an API: {reason}")]
    Api {
        /// What was given.
        api: String,
        /// Why.
        reason: String,
    },
    /// The file is there already; nothing is overwritten.
    #[error("`{}` already exists; choose another file with --out", .0.display())]
    Exists(PathBuf),
}

impl From<NewError> for CliError {
    fn from(error: NewError) -> Self {
        Self::Usage(Box::new(error))
    }
}

pub(super) fn new(options: &Options) -> Result<u8, CliError> {
    let host = options
        .page
        .host_str()
        .filter(|_| options.page.scheme().starts_with("http"))
        .ok_or_else(|| NewError::Page(options.page.clone()))?;
    let api = api(&options.api, host)?;
    let file = match &options.out {
        Some(file) => file.clone(),
        None => PathBuf::from("scenarios").join(format!("{}.yaml", name(&options.page))),
    };
    if file.exists() {
        return Err(NewError::Exists(file).into());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, text(&options.page, host, &api, &options.app))?;
    let mut out = anstream::stdout();
    writeln!(out, "{} is written. Next:", file.display())?;
    writeln!(
        out,
        "  edgeproof check {0}\n  edgeproof run {0}",
        file.display()
    )?;
    Ok(exit::PASSED)
}

/// The API with the host it is on: the page's own where none is said.
fn api(text: &str, host: &str) -> Result<ProtectedApi, NewError> {
    let wrong = |reason: String| NewError::Api {
        api: text.to_owned(),
        reason,
    };
    let (method, url) = text
        .split_once(' ')
        .ok_or_else(|| wrong("write a method and a path, such as `POST /api/login`".to_owned()))?;
    let url = url.trim();
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let url = if url.starts_with('/') {
        format!("{host}{url}")
    } else {
        url.to_owned()
    };
    let url = international::pattern(url.trim_end_matches('*'))
        .map_err(|error| wrong(error.to_string()))?;
    format!("{method} {url}")
        .parse()
        .map_err(|error: edgeproof_deployment::ProtectedApiError| wrong(error.to_string()))
}

/// A file name from the page's path.
fn name(page: &Url) -> String {
    let words: Vec<&str> = page
        .path()
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        "first".to_owned()
    } else {
        words.join("_")
    }
}

fn text(page: &Url, host: &str, api: &ProtectedApi, app: &Address) -> String {
    let labels: Vec<&str> = host.split('.').collect();
    // The zone is what was bought: in most cases the last two labels.
    let zone = labels[labels.len().saturating_sub(2)..].join(".");
    let api_host = api.url.split('/').next().unwrap_or(host);
    let app = match app.is_loopback() {
        true => format!("\"{app}\""),
        false => format!("{{ address: \"{app}\", allow: \"{}\" }}", app.host()),
    };
    let mut hosts = format!("        {host}: {{ app: {app} }}");
    if api_host != host {
        hosts.push_str(&format!("\n        {api_host}: {{ app: {app} }}"));
    }
    let (method, api) = (&api.method, &api.url);
    let page_pattern = format!("{host}{}", page.path());
    format!(
        "# yaml-language-server: $schema=schema.json
scenario: A call of {method} {api} without signals never reaches the application
tags: [http]
given:
  zones:
    {zone}:
      hosts:
        # `app: {{ run: npm start, in: ../shop }}` starts it as well; it listens at the PORT it is given.
{hosts}
  deployments:
    flow:
      identification_pages: [\"{page_pattern}\"]
      # The star at the end takes query strings too: without it, any of them evades the protection.
      protected_apis: [\"{method} {api}*\"]
      failure_mode: closed
      ruleset: sign-up
  rulesets:
    sign-up:
      rules:
        - {{ if: incognito, block: {{ status: 403 }} }}
steps:
  # The page has the instrumentation, and is otherwise as your application sent it.
  - request: GET {page}
    expect:
      status: 200
      page: [{{ select: \"head script\", count: {{ min: 1 }} }}]
  # A program that never loaded the page has no signals.
  - request:
      method: {method}
      url: https://{api}
      headers: {{ content-type: application/json }}
      body: '{{}}'
    expect:
      status: 403
      origin: {{ reached: false }}
"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use edgeproof_scenario::{lint, load};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://shop.example/signup", "POST /api/create-account")]
    #[case("https://www.shop.example/", "POST https://api.shop.example/login*")]
    #[case("https://shop.example/a/b?c=d", "PUT shop.example/api")]
    #[case("https://smörgås.example/å b", "POST https://SMÖRGÅS.example/api/å")]
    fn what_is_written_reads_and_has_nothing_to_warn_of(
        #[case] page: &str,
        #[case] call: &str,
        #[values(
            "http://127.0.0.1:3000",
            "https://[::1]/shop/",
            "http://app.internal:8080"
        )]
        app: &str,
    ) {
        let page: Url = page.parse().unwrap();
        let host = page.host_str().unwrap();
        let app = app.parse().unwrap();
        let text = text(&page, host, &api(call, host).unwrap(), &app);
        let cases = load::load_text(Path::new("new.yaml"), &text)
            .unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        assert!(
            lint::lint(&cases[0]).is_empty(),
            "{:?}",
            lint::lint(&cases[0])
        );
    }

    #[rstest]
    #[case("/api/login", "write a method and a path, such as `POST /api/login`")]
    #[case("HEAD /api/login", "HEAD")]
    fn what_is_no_api_is_refused(#[case] call: &str, #[case] reason: &str) {
        let error = api(call, "shop.example").unwrap_err().to_string();
        let (what, why) = error.split_once(" is not an API: ").unwrap();
        assert_eq!(what, format!("`{call}`"));
        assert!(why.contains(reason), "{error}");
    }

    #[rstest]
    #[case("https://shop.example/", "first")]
    #[case("https://shop.example/account/sign-up.html", "account_sign_up_html")]
    fn a_file_is_named_after_its_page(#[case] page: &str, #[case] expected: &str) {
        assert_eq!(name(&page.parse().unwrap()), expected);
    }
}
