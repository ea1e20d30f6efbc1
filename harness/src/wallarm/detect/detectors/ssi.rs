//! Server-side includes: directives in comments, and the tags of edge-side includes.

use super::{Detector, everywhere};
use crate::wallarm::detect::attack::AttackType;

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Ssi,
    triggers: &["<!--", "<esi:", "<!-- #"],
    signatures: &[
        (
            "directive",
            r"<!--\s*#\s*(?:exec|include|echo|printenv|config|set|fsize|flastmod|if|elif|odbc|email)\b",
        ),
        (
            "edge-side include",
            r"<esi:(?:include|inline|vars|assign|eval|debug|try|remove|comment)\b",
        ),
    ],
    engine: None,
    applies: everywhere,
};
