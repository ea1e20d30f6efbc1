//! Smart signals that a workspace has switched off: they always read false.

use schemars::JsonSchema;
use serde::Deserialize;

use super::event::{Bot, Event};

/// A product of the platform that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmartSignal {
    /// `bot` and what goes with it.
    Bot,
    /// `developer_tools`.
    DeveloperTools,
    /// `high_activity_device`.
    HighActivityDevice,
    /// `incognito`.
    Incognito,
    /// `ip_blocklist`.
    IpBlocklist,
    /// `privacy_settings`.
    PrivacySettings,
    /// `proxy` and what goes with it.
    Proxy,
    /// `tampering` and what goes with it.
    Tampering,
    /// `virtual_machine`.
    VirtualMachine,
    /// `vpn` and what goes with it.
    Vpn,
}

impl SmartSignal {
    /// Makes the event say that this was not found.
    pub(super) fn switch_off(self, event: &mut Event) {
        match self {
            Self::Bot => {
                event.bot = Some(Bot::NotDetected);
                (event.bot_type, event.bot_info) = (None, None);
            }
            Self::DeveloperTools => clear(event, "developer_tools"),
            Self::HighActivityDevice => clear(event, "high_activity_device"),
            Self::Incognito => clear(event, "incognito"),
            Self::IpBlocklist => {
                event.ip_blocklist = event.ip_blocklist.map(|_| Default::default())
            }
            Self::PrivacySettings => clear(event, "privacy_settings"),
            Self::Proxy => {
                clear(event, "proxy");
                (event.proxy_details, event.proxy_confidence) = (None, None);
            }
            Self::Tampering => {
                clear(event, "tampering");
                (
                    event.tampering_details,
                    event.tampering_confidence,
                    event.tampering_ml_score,
                ) = (None, None, None);
            }
            Self::VirtualMachine => clear(event, "virtual_machine"),
            Self::Vpn => {
                clear(event, "vpn");
                (event.vpn_methods, event.vpn_confidence, event.vpn_ml_score) = (None, None, None);
                (event.vpn_origin_timezone, event.vpn_origin_country) = (None, None);
            }
        }
    }
}

fn clear(event: &mut Event, flag: &str) {
    event.flags.insert(flag.to_owned(), false);
}
