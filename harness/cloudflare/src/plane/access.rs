//! Who asks, and what their token allows.

use std::{fmt, str::FromStr};

use edgeproof_ground::international;
use http::{HeaderMap, header};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Secret, account::Account, envelope::PlaneResponse, error::ApiError, ids::stable_id};

/// An API token of the account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Token {
    /// The bearer token. Default: derived from its name.
    pub value: Option<Secret>,
    /// Whether it is valid now.
    pub status: TokenStatus,
    /// Whose it is: a person's, or the account's own.
    pub owner: TokenOwner,
    /// What it allows, such as `Workers Scripts:Edit`. `Edit` includes `Read`.
    pub permissions: Vec<Permission>,
    /// The zones that it is valid for. Default: all of the account.
    #[serde(deserialize_with = "international::names")]
    pub zones: Option<Vec<String>>,
}

impl Default for Token {
    /// A person's active token for every zone, with what the dashboard's template "Edit Cloudflare Workers" has, and `DNS:Read`.
    fn default() -> Self {
        use {Group::*, Level::*};
        let all = [
            (WorkersScripts, Edit),
            (WorkersRoutes, Edit),
            (Dns, Read),
            (Zone, Read),
            (AccountSettings, Read),
            (WorkersKvStorage, Edit),
            (WorkersTail, Read),
            (UserDetails, Read),
            (Memberships, Read),
        ];
        Self {
            value: None,
            status: TokenStatus::Active,
            owner: TokenOwner::User,
            permissions: all.map(|(group, level)| Permission { group, level }).into(),
            zones: None,
        }
    }
}

/// Whether a token is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    /// It is.
    #[default]
    Active,
    /// It was switched off.
    Disabled,
    /// Its time is over.
    Expired,
}

/// Whose a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenOwner {
    /// A person's: `GET /user/tokens/verify` knows it.
    #[default]
    User,
    /// The account's: `GET /accounts/…/tokens/verify` knows it.
    Account,
}

/// One permission of a token, written as the dashboard shows it: `Workers Routes:Edit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Permission {
    /// What it is about.
    pub group: Group,
    /// Whether it may be changed.
    pub level: Level,
}

/// What a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the dashboard's")]
pub enum Group {
    AccountSettings,
    Dns,
    Memberships,
    TransformRules,
    UserDetails,
    WorkersKvStorage,
    WorkersRoutes,
    WorkersScripts,
    WorkersTail,
    Zone,
}

/// How much a permission allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the dashboard's")]
pub enum Level {
    Read,
    Edit,
}

impl Group {
    const ALL: [Self; 10] = [
        Self::AccountSettings,
        Self::Dns,
        Self::Memberships,
        Self::TransformRules,
        Self::UserDetails,
        Self::WorkersKvStorage,
        Self::WorkersRoutes,
        Self::WorkersScripts,
        Self::WorkersTail,
        Self::Zone,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::AccountSettings => "Account Settings",
            Self::Dns => "DNS",
            Self::Memberships => "Memberships",
            Self::TransformRules => "Transform Rules",
            Self::UserDetails => "User Details",
            Self::WorkersKvStorage => "Workers KV Storage",
            Self::WorkersRoutes => "Workers Routes",
            Self::WorkersScripts => "Workers Scripts",
            Self::WorkersTail => "Workers Tail",
            Self::Zone => "Zone",
        }
    }

    fn is_of_zones(self) -> bool {
        matches!(self, Self::Dns | Self::WorkersRoutes | Self::Zone)
    }

    fn is_of_accounts(self) -> bool {
        !self.is_of_zones() && !matches!(self, Self::Memberships | Self::UserDetails)
    }
}

/// Why the text of a permission could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a permission; use `Read` or `Edit` of {known}, such as `Workers Scripts:Edit`"
)]
pub struct PermissionError {
    text: String,
    known: String,
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, PermissionError> {
        let read = || {
            let (name, level) = text.split_once(':')?;
            let group = Group::ALL.into_iter().find(|group| group.name() == name)?;
            let level = match level {
                "Read" => Level::Read,
                "Edit" => Level::Edit,
                _ => return None,
            };
            Some(Self { group, level })
        };
        read().ok_or_else(|| PermissionError {
            text: text.to_owned(),
            known: Group::ALL.map(Group::name).join(", "),
        })
    }
}

impl TryFrom<String> for Permission {
    type Error = PermissionError;

    fn try_from(text: String) -> Result<Self, PermissionError> {
        text.parse()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.group.name(), self.level)
    }
}

impl Token {
    /// The active token with this value and exactly these permissions on every zone.
    pub fn with(value: &str, permissions: &[Permission]) -> Self {
        Self {
            value: Some(Secret::new(value)),
            permissions: permissions.to_vec(),
            ..Self::default()
        }
    }

    /// What is sent as bearer, by anyone who holds the token of this name.
    pub fn value(&self, name: &str) -> Secret {
        self.value
            .clone()
            .unwrap_or_else(|| Secret::new(format!("token-{}", stable_id("token", name))))
    }

    fn has(&self, group: Group, level: Level) -> bool {
        self.permissions
            .iter()
            .any(|permission| permission.group == group && permission.level >= level)
    }

    fn is_for_zone(&self, zone: &str) -> bool {
        self.zones
            .as_ref()
            .is_none_or(|zones| zones.iter().any(|name| name == zone))
    }

    /// Whether the token sees that this zone exists: any permission on it will do.
    pub(super) fn sees_zone(&self, zone: &str) -> bool {
        let any = self.permissions.iter();
        self.is_for_zone(zone) && any.clone().any(|permission| permission.group.is_of_zones())
    }

    /// Whether the token sees the account: any permission on it will do.
    pub(super) fn sees_account(&self) -> bool {
        let mut any = self.permissions.iter();
        any.any(|permission| permission.group.is_of_accounts())
    }

    /// Lets pass who may do this in the account.
    pub(super) fn require(&self, group: Group, level: Level) -> Result<(), ApiError> {
        if self.has(group, level) {
            return Ok(());
        }
        let missing = Permission { group, level };
        Err(ApiError::forbidden(&format!(
            "the token lacks the permission {missing}"
        )))
    }

    /// Lets pass who may do this in the zone.
    pub(super) fn require_in(
        &self,
        zone: &str,
        group: Group,
        level: Level,
    ) -> Result<(), ApiError> {
        self.require(group, level)?;
        if self.is_for_zone(zone) {
            return Ok(());
        }
        Err(ApiError::forbidden(&format!(
            "the token is not for the zone {zone}"
        )))
    }

    /// Lets pass who may change the routes of every zone at once.
    pub(super) fn require_in_all_zones(&self) -> Result<(), ApiError> {
        self.require(Group::WorkersRoutes, Level::Edit)?;
        if self.zones.is_none() {
            return Ok(());
        }
        Err(ApiError::forbidden("the token is not for all zones"))
    }

    pub(super) fn require_user_details(&self) -> Result<(), ApiError> {
        self.require(Group::UserDetails, Level::Read)
            .map_err(|_| ApiError::unauthorized_resource())
    }

    /// Memberships are a person's.
    pub(super) fn require_memberships(&self) -> Result<(), ApiError> {
        if self.owner == TokenOwner::Account {
            return Err(ApiError::authentication_failed(
                "a token of an account has no memberships",
            ));
        }
        self.require(Group::Memberships, Level::Read)
    }
}

/// The token that came with the request, whatever its status.
pub(super) fn identify(account: &Account, headers: &HeaderMap) -> Result<Token, ApiError> {
    if headers.contains_key("x-auth-key") || headers.contains_key("x-auth-email") {
        return Err(ApiError::not_emulated(
            "X-Auth-Key and X-Auth-Email; API tokens are taken",
        ));
    }
    let header = headers.get(header::AUTHORIZATION).ok_or_else(|| {
        ApiError::authentication_failed("no Authorization header with an API token")
    })?;
    let value = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, value)| scheme.eq_ignore_ascii_case("bearer") && !value.is_empty())
        .map(|(_, value)| Secret::new(value.trim()))
        .ok_or_else(ApiError::malformed_authorization)?;
    account
        .tokens
        .iter()
        .find(|(name, token)| token.value(name) == value)
        .map(|(_, token)| token.clone())
        .ok_or_else(ApiError::invalid_token)
}

/// Lets pass a token that is valid now.
pub(super) fn require_active(token: &Token) -> Result<(), ApiError> {
    match token.status {
        TokenStatus::Active => Ok(()),
        TokenStatus::Disabled => Err(ApiError::forbidden("the token is disabled")),
        TokenStatus::Expired => Err(ApiError::forbidden("the token has expired")),
    }
}

/// `GET /user/tokens/verify` and `GET /accounts/{account}/tokens/verify`, each for its owner's tokens.
pub(super) fn verify(
    account: &Account,
    token: &Token,
    owner: TokenOwner,
) -> Result<PlaneResponse, ApiError> {
    if token.owner != owner {
        return Err(ApiError::invalid_token());
    }
    let name = account.tokens.iter().find(|(_, known)| *known == token);
    let id = stable_id("token id", name.map_or("", |(name, _)| name));
    let status = match token.status {
        TokenStatus::Active => "active",
        TokenStatus::Disabled => "disabled",
        TokenStatus::Expired => "expired",
    };
    let response = PlaneResponse::of(json!({"id": id, "status": status}));
    Ok(match token.status {
        TokenStatus::Active => response.with_message(10000, "This API Token is valid and active"),
        _ => response,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Workers Scripts:Edit")]
    #[case("DNS:Read")]
    #[case("Account Settings:Read")]
    fn a_permission_is_written_as_the_dashboard_shows_it(#[case] text: &str) {
        assert_eq!(text.parse::<Permission>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("Workers Scripts")]
    #[case("Workers Scripts:Write")]
    #[case("workers scripts:Edit")]
    fn anything_else_is_no_permission(#[case] text: &str) {
        let error = text.parse::<Permission>().unwrap_err().to_string();
        let message = format!("`{text}` is not a permission; use `Read` or `Edit` of ");
        assert!(error.starts_with(&message), "{error}");
    }

    #[test]
    fn edit_includes_read_and_not_the_other_way_round() {
        let may = |text: &str, level| {
            Token::with("t", &[text.parse().unwrap()])
                .require(Group::WorkersScripts, level)
                .is_ok()
        };
        assert!(may("Workers Scripts:Edit", Level::Read));
        assert!(!may("Workers Scripts:Read", Level::Edit));
        assert!(!may("DNS:Edit", Level::Read));
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", Token::with("sesame", &[])).contains("sesame"));
    }
}
