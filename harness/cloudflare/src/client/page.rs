//! Pages for people that come in place of an API's JSON: a challenge, an error page, the sign-in of a proxy.

use super::{
    error::ApiError,
    http::{ApiRequest, ApiResponse},
};

/// The most characters of a page's title that are told.
const TITLE: usize = 80;

/// Lets pass what is no such page.
///
/// # Errors
/// It is one.
pub(super) fn refuse(call: &ApiRequest, response: &ApiResponse) -> Result<(), ApiError> {
    let is_challenge = response.header("cf-mitigated") == Some("challenge");
    let content_type = response.header("content-type").unwrap_or_default();
    let is_html = content_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("text/html")
        || response.body.trim_ascii_start().starts_with(b"<");
    // A redirect leads away from the API, to where somebody signs in.
    if !is_challenge && !is_html && !response.status.is_redirection() {
        return Ok(());
    }
    Err(ApiError::Page {
        call: call.name(),
        status: response.status.as_u16(),
        ray: response.header("cf-ray").map(str::to_owned),
        title: title(&response.body),
        is_challenge,
    })
}

/// What stands between `<title>` and `</title>`, on one line.
fn title(page: &[u8]) -> Option<String> {
    let start = page
        .windows(7)
        .position(|tag| tag.eq_ignore_ascii_case(b"<title>"))?
        + 7;
    let rest = &page[start..];
    let end = rest.iter().position(|byte| *byte == b'<')?;
    let text = String::from_utf8_lossy(&rest[..end]);
    let words: Vec<&str> = text.split_whitespace().collect();
    let title: String = words.join(" ").chars().take(TITLE).collect();
    (!title.is_empty()).then(|| format!("`{title}`"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "<!DOCTYPE html><html><head><title>Just a moment...</title>",
        Some("`Just a moment...`")
    )]
    #[case("<TITLE>\n502 Bad\n Gateway</TITLE>", Some("`502 Bad Gateway`"))]
    #[case("<title></title>", None)]
    #[case("<title>never ends", None)]
    #[case("", None)]
    fn a_page_is_told_by_its_title(#[case] page: &str, #[case] expected: Option<&str>) {
        assert_eq!(title(page.as_bytes()).as_deref(), expected);
    }
}
