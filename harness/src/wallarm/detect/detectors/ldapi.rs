//! LDAP filters that break out of the value they were put into.

use super::{Detector, everywhere};
use crate::wallarm::detect::attack::AttackType;

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Ldapi,
    triggers: &[
        ":=",
        ")(",
        ") (",
        "(|",
        "(&",
        "(!",
        "*)",
        "=*",
        "objectclass",
    ],
    signatures: &[
        (
            "filter closed, another begun",
            r"(?:^|[\w*\s])\s*\)+\s*\(\s*[|&!]?\s*\(?\s*[a-z][\w;.-]*\s*[~<>]?=",
        ),
        (
            "filter closed, operator begun",
            r"\)\s*\(\s*[|&!]\s*(?:\(|\)|$)",
        ),
        (
            "filter closed, the rest ignored",
            r"\*\s*\)\s*(?:\)|\(|%00|$)\s*(?:\)|\(|%|$|[|&!])",
        ),
        (
            "filter as a whole",
            r"^\s*\(\s*[|&!]\s*\(\s*[a-z][\w;.-]*\s*[~<>]?=[^()]*\)",
        ),
        (
            "filter inside",
            r"\(\s*[|&!]\s*\(\s*(?:cn|uid|ou|dc|mail|sn|objectclass|userpassword|samaccountname|memberof|password|name|givenname)\s*[~<>]?=",
        ),
        (
            "presence of an attribute",
            r"\(\s*(?:cn|uid|ou|dc|sn|mail|objectclass|userpassword|samaccountname|password|name)\s*=\s*\*",
        ),
        (
            "matching rule",
            r"\b[a-z][\w;-]*(?::dn)?:\d+(?:\.\d+){2,}:=",
        ),
        ("every object", r"\bobjectclass\s*=\s*\*?"),
    ],
    engine: None,
    applies: everywhere,
};
