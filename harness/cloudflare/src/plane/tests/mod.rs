//! The API over real sockets.

mod access;
mod faults;
mod hostile;
mod routes;
mod scripts;
mod tails;
mod upload;
mod zones;

use bytes::Bytes;
use edgeproof_test_support::operator::{ApiResponse, Form, MODULE, Operator, told};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use super::*;

/// A client of a control plane with the zones `shop.example` and `blog.example`.
pub(super) struct Api {
    pub(super) plane: ControlPlane,
    operator: Operator,
}

impl std::ops::Deref for Api {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.operator
    }
}

pub(super) fn zones() -> Vec<ZoneSettings> {
    let mut shop = ZoneSettings::proxied("shop.example", &["shop.example", "api.shop.example"]);
    shop.records
        .push(Record::of_host("direct.shop.example", false));
    vec![
        shop,
        ZoneSettings::proxied("blog.example", &["blog.example"]),
    ]
}

impl Api {
    pub(super) async fn start() -> Self {
        Self::with(AccountSettings::default()).await
    }

    pub(super) async fn with(settings: AccountSettings) -> Self {
        let settings = AccountSettings {
            zones: zones(),
            ..settings
        };
        let plane = ControlPlane::start(settings).await.unwrap();
        Self {
            operator: operator(&plane),
            plane,
        }
    }
}

/// Whoever deploys, with the account's first token.
pub(super) fn operator(plane: &ControlPlane) -> Operator {
    Operator::new(
        plane.base_url(),
        plane.token().reveal().to_owned(),
        [
            ("{a}", plane.account_id().to_owned()),
            ("{shop}", stable_id("zone", "shop.example")),
            ("{blog}", stable_id("zone", "blog.example")),
        ],
    )
}
