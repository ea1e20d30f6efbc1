//! The script elements the worker adds to a page.

use std::fmt::Write;

use super::scan::Width;
use crate::matching::Script;

/// The source of a script element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element(String);

/// The hashes of the worker's scripts, as an `integrity` attribute has them, for pages whose `Integrity-Policy` blocks
/// scripts without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// Of the instrumentor.
    pub instrumentor: String,
    /// Of the agent processor.
    pub agent_processor: String,
    /// Of the agent's loader, which both load; none where it could not be had.
    pub loader: Option<String>,
}

/// The element that loads the instrumentor. It is not deferred: nothing of the page may call an API before it.
pub fn instrumentor(prefix: &str, nonce: Option<&str>, hashes: Option<&Hashes>) -> Element {
    let own = hashes.map(|hashes| hashes.instrumentor.as_str());
    Element(format!(
        "<script{}{} src=\"{}\"></script>",
        nonce_attribute(nonce),
        integrity_attributes(own, hashes),
        Script::Instrumentor.path(prefix)
    ))
}

/// The element that hands the platform's response to the agent.
pub fn agent_processor(
    prefix: &str,
    agent_data: &str,
    nonce: Option<&str>,
    hashes: Option<&Hashes>,
) -> Element {
    let own = hashes.map(|hashes| hashes.agent_processor.as_str());
    Element(format!(
        "<script{}{} data-agent-data=\"{}\" async src=\"{}\"></script>",
        nonce_attribute(nonce),
        integrity_attributes(own, hashes),
        escape(agent_data),
        Script::AgentProcessor.path(prefix)
    ))
}

impl Element {
    /// Its source.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its source in the encoding of the page.
    pub fn encode(&self, width: Width) -> Vec<u8> {
        match width {
            // Only ASCII is in it, which every encoding but UTF-16 writes alike.
            Width::One => self.0.as_bytes().to_vec(),
            Width::LittleEndian => self.0.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Width::BigEndian => self.0.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

fn nonce_attribute(nonce: Option<&str>) -> String {
    nonce
        .map(|nonce| format!(" nonce=\"{nonce}\""))
        .unwrap_or_default()
}

/// The script's own hash, which counts only where it is loaded as a request that may be shared, and that of the loader.
fn integrity_attributes(own: Option<&str>, hashes: Option<&Hashes>) -> String {
    let own = own.map(|hash| format!(" integrity=\"{hash}\" crossorigin"));
    let loader = hashes.and_then(|hashes| hashes.loader.as_deref());
    let loader = loader.map(|hash| format!(" data-loader=\"{hash}\""));
    own.into_iter().chain(loader).collect()
}

/// Text as the value of a quoted attribute, in ASCII.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || " +/=-_.,:;()[]{}".contains(character) {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "&#x{:x};", u32::from(character));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_instrumentor_is_loaded_from_the_site_itself() {
        assert_eq!(
            instrumentor("fp", None, None).as_str(),
            r#"<script src="/fp/instrumentor.iife.js"></script>"#
        );
        assert_eq!(
            instrumentor("fp", Some("abc="), None).as_str(),
            r#"<script nonce="abc=" src="/fp/instrumentor.iife.js"></script>"#
        );
        assert_eq!(
            instrumentor("fp", None, Some(&hashes(None))).as_str(),
            r#"<script integrity="sha256-abc=" crossorigin src="/fp/instrumentor.iife.js"></script>"#
        );
    }

    #[test]
    fn a_script_has_its_hash_and_that_of_the_loader() {
        let hashes = hashes(Some("sha256-ghi="));
        assert_eq!(
            instrumentor("fp", None, Some(&hashes)).as_str(),
            r#"<script integrity="sha256-abc=" crossorigin data-loader="sha256-ghi=" src="/fp/instrumentor.iife.js"></script>"#
        );
        assert!(agent_processor("fp", "data", None, Some(&hashes)).as_str().starts_with(
            r#"<script integrity="sha256-def=" crossorigin data-loader="sha256-ghi=" data-agent-data="data""#
        ));
    }

    fn hashes(loader: Option<&str>) -> Hashes {
        Hashes {
            instrumentor: "sha256-abc=".to_owned(),
            agent_processor: "sha256-def=".to_owned(),
            loader: loader.map(str::to_owned),
        }
    }

    #[test]
    fn agent_data_cannot_leave_its_attribute() {
        let element = agent_processor("fp", "\"><script>alert('\u{fc}')</script>&amp;", None, None);
        assert_eq!(
            element.as_str(),
            "<script data-agent-data=\"&#x22;&#x3e;&#x3c;script&#x3e;alert(&#x27;&#xfc;&#x27;)&#x3c;/script&#x3e;\
             &#x26;amp;\" async src=\"/fp/agent-processor.iife.js\"></script>"
        );
    }

    #[test]
    fn elements_are_written_in_the_encoding_of_the_page() {
        let element = instrumentor("fp", None, None);
        assert_eq!(element.encode(Width::BigEndian)[..4], *b"\0<\0s");
        assert_eq!(element.encode(Width::LittleEndian)[..4], *b"<\0s\0");
        assert_eq!(element.encode(Width::One), element.as_str().as_bytes());
    }

    proptest! {
        #[test]
        fn an_element_is_ascii_and_has_no_further_markup(data in ".{0,40}") {
            let element = agent_processor("fp", &data, None, None);
            prop_assert!(element.as_str().is_ascii());
            prop_assert_eq!(element.as_str().matches(['<', '"']).count(), 2 + 4);
        }
    }
}
