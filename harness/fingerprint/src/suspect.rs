//! The suspect score: the published weights of what an event says, added up.

use super::event::{Bot, Event};

/// Above this a browser's anomaly counts.
const ANOMALY: f64 = 0.5;

/// What an event says against its visitor, with the default weight of each for the web.
fn weights(event: &Event) -> [(bool, u32); 14] {
    let methods = event.vpn_methods.unwrap_or_default();
    let lists = event.ip_blocklist.unwrap_or_default();
    let tampering = event.tampering_details.unwrap_or_default();
    [
        (event.bot == Some(Bot::Bad), 7),
        (event.flag("incognito"), 4),
        (methods.timezone_mismatch == Some(true), 3),
        (methods.public_vpn == Some(true), 4),
        (methods.relay == Some(true), 4),
        (
            tampering.anomaly_score.is_some_and(|score| score > ANOMALY),
            8,
        ),
        (tampering.anti_detect_browser == Some(true), 8),
        (event.flag("virtual_machine"), 14),
        (event.flag("privacy_settings"), 6),
        (lists.email_spam, 14),
        (lists.attack_source, 13),
        (lists.tor_node, 14),
        (event.flag("proxy"), 14),
        (event.flag("high_activity_device"), 6),
    ]
}

pub(super) fn score(event: &Event) -> u32 {
    weights(event)
        .into_iter()
        .filter(|(found, _)| *found)
        .map(|(_, weight)| weight)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up() {
        let mut event = Event {
            bot: Some(Bot::Bad),
            ..Event::default()
        };
        assert_eq!(score(&event), 7);
        event.flags.insert("incognito".to_owned(), true);
        event.flags.insert("vpn".to_owned(), true);
        assert_eq!(score(&event), 11);
        assert_eq!(
            score(&Event {
                bot: Some(Bot::Good),
                ..Event::default()
            }),
            0
        );
    }
}
