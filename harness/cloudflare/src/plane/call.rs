//! A request to the API, in the terms of its endpoints.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::{
    access::{Group, Level, Token},
    account::Account,
    envelope::Page,
    error::ApiError,
    ids::is_id,
};

/// A request whose sender is known.
#[derive(Clone)]
pub(super) struct ApiCall {
    pub(super) method: Method,
    /// What stands behind `/client/v4`.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl ApiCall {
    /// The path in its parts, their escapes resolved.
    pub(super) fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The page of a list that is asked for; `usual` is how many items a page has, and `most` how many it may have.
    ///
    /// # Errors
    /// Where the numbers are none, or too large.
    pub(super) fn page(&self, usual: usize, most: usize) -> Result<Page, ApiError> {
        let (page, per_page) = (self.parameter("page"), self.parameter("per_page"));
        Page::read(page, per_page, usual, most)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 10006 where it is none, or not what is expected.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(ApiError::unreadable)
    }

    /// Where a change comes from, as the API tells it.
    pub(super) fn source(&self) -> &'static str {
        let agent = self.headers.get(header::USER_AGENT);
        let is_wrangler = agent.is_some_and(|agent| agent.as_bytes().starts_with(b"wrangler"));
        if is_wrangler { "wrangler" } else { "api" }
    }

    /// Lets pass who may do this in the account of the path.
    ///
    /// # Errors
    /// 7003 where no account can have the id, 10000 where it is not the token's.
    pub(super) fn enter_account(
        &self,
        account: &Account,
        id: &str,
        token: &Token,
        group: Group,
        level: Level,
    ) -> Result<(), ApiError> {
        if !is_id(id) {
            return Err(ApiError::no_such_object(&self.path));
        }
        if account.others.iter().any(|other| other.id() == id) {
            return Err(ApiError::not_emulated("what is in another account"));
        }
        if id != account.id {
            return Err(ApiError::forbidden("the token is not for this account"));
        }
        token.require(group, level)
    }
}
