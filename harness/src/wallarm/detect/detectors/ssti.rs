//! Expressions in the delimiters of template engines.
//!
//! A placeholder such as `{{ first_name }}` is harmless: an attack calculates, calls or digs.

use super::{Detector, everywhere};
use crate::wallarm::detect::attack::AttackType;

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Ssti,
    triggers: &[
        "{{",
        "${",
        "#{",
        "<%",
        "{%",
        "*{",
        "@{",
        "~{",
        "[[",
        "{php",
        "{system",
        "@(",
        "#set",
        "#foreach",
        "__class__",
        "{if ",
        "{$",
        "{=",
        "<#",
        "{@",
        "__${",
    ],
    signatures: &[
        (
            "calculation",
            r#"(?:\{\{|\$\{|#\{|\*\{|@\{|~\{|<%=?|\{%|\{=|@\(|\[\[|\{)\s*['"(]?-?\d+['"]?\s*(?:[*+/%^-]|\*\*)\s*['"(]?-?\d+['")]?\s*\)?\s*(?:\}|%>|\)|\]\])"#,
        ),
        (
            "call in a double brace",
            r#"\{\{[^}]{0,300}(?:\w\s*\(|__\w+|\|\s*(?:attr|map|filter|join|safe|e|upper|sort|reduce|first|system|passthru|exec|format|list)\b|\[\s*['"\d]|\.\s*(?:constructor|class|mro|globals|config|env|items|prototype)\b|@@|\bself\b|\bconfig\b|\brequest\s*[.|\[]|#with|#if\s*\(|\blipsum\b|\bcycler\b|\bjoiner\b|\b_self\b|\bapp\.|\bdump\b|settings\.)"#,
        ),
        (
            "handlebars block",
            r"\{\{#(?:with|each|if)\s+\x22[^}]*\}\}|\{\{\s*(?:this|range|\.system|\.getprocess|printf|html|js|call)\b[^}]*[\x22.(]",
        ),
        (
            "object of the engine",
            r"(?:\{\{|\{%|\$\{|#\{)[^}]{0,200}\b(?:__class__|__mro__|__subclasses__|__globals__|__builtins__|__import__|_self\.env|registerundefinedfiltercallback|getclass|forname|getruntime|freemarker\.template|\.class\.|t\s*\(\s*java\.|process\.mainmodule|require\s*\(|global\.process|session\.|application\.|self\.template|velocitycount|system\s*\(|dump\s*\(|file_excerpt|file_get_contents)",
        ),
        (
            "python internals",
            r"__(?:class__|mro__|subclasses__|globals__|builtins__|init__)\s*(?:[.\[(]|$)",
        ),
        (
            "statement",
            r"\{%\s*(?:import|include|for\b.{1,80}\bin\b|set\b|debug|if\b.{1,80}(?:\(|__|\.)|with\b|extends|load|csrf|macro)",
        ),
        (
            "expression language",
            r"(?:\$|#|\*|@|~)\{[^}]{0,200}(?:\w\s*\(|\[\s*['\x22]|\.class\b|\bnew\s+|\bt\()",
        ),
        (
            "freemarker",
            r"<#(?:assign|list|if|include|import|macro)\b|\?new\s*\(\s*\)|\$\{[^}]*\?(?:api|eval|interpret)\b|\[#(?:assign|if|list)\b",
        ),
        (
            "velocity",
            r"#set\s*\(\s*\$|#foreach\s*\(\s*\$|#evaluate\s*\(|#include\s*\(|#parse\s*\(",
        ),
        (
            "ruby or java tags",
            r"<%[=@!\s][^%]{0,200}(?:\w\s*[(.]|`|\bsystem\b|%x|file\.open|dir\.entries|import\s*=|foreach|for\b)",
        ),
        (
            "smarty",
            r"\{(?:php|literal)\}|\{(?:system|exec|passthru|shell_exec|eval|fetch|include|include_php|self::)\b?[^}]*[('=]|\{\$smarty\.|\{if\s+[^}]*\(|\{math\s|\{\$[\w.]+\|",
        ),
        (
            "razor",
            r"@\(\s*[^)]*(?:\+|\*|\bnew\b|system\.)|@\{\s*(?:var|int|string|system)\b|@system\.|@html\.raw|@import\b.{0,20}\b(?:os|sys|subprocess)",
        ),
        (
            "thymeleaf",
            r"__\$\{|\[\[\s*(?:\$|\*|@|#)\{|\[\(\s*\$\{|::\.x\b",
        ),
        (
            "pug or mako",
            r"<%\s*import\b|\n\s*[-=]\s*(?:var|global\.|process\.)|^#\{(?:global|root|process)\b",
        ),
    ],
    engine: None,
    applies: everywhere,
};
