//! SQL that leaves the value it was put into.
//!
//! Signatures name the constructs; libinjection's tokenizer finds what is left. What cannot be a statement because it
//! breaks off, such as `1' UNION SELECT`, is not an attack.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Sign, compile, everywhere, excerpt, expression, first};
use crate::detect::{attack::AttackType, value::Value};

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Sqli,
    triggers: &[
        "'",
        "\"",
        "`",
        "--",
        "/*",
        "#",
        ";",
        "=",
        "select",
        "union",
        "||",
        "&&",
        "@@",
        "sleep",
        "order by",
        "group by",
        "having",
        " or ",
        " and ",
        "like",
        "benchmark",
        "waitfor",
        "drop ",
        "insert ",
        "delete ",
        "update ",
        "exec",
        "xp_",
        "information_schema",
        "sysobjects",
        "load_file",
        "outfile",
        "extractvalue",
        "updatexml",
        "between",
        "char(",
        "<",
        ">",
    ],
    // They read the text without its comments; see `engine`.
    signatures: &[],
    engine: Some(engine),
    applies: everywhere,
};

static SIGNATURES: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| compile(&PATTERNS));

static UNFINISHED: LazyLock<Option<Regex>> =
    LazyLock::new(|| expression(r"\bunion\b(?:\s+(?:all|distinct))?[\s(]+select[\s(]*$").ok());

const PATTERNS: [(&str, &str); 14] = [
    (
        "union",
        r#"(?:^|['"`\d)\]}*;.-]|\bnull|\s)\s*\)*\s*\bunion\b[\s(]*(?:all\b|distinct\b)?[\s(+]*\bselect\b[\s(+]*(?:null\b|-?\d|['"@*~!]|0x|\w+\s*\(|[\w.]+\s*,\s*[\w.'"(*]+|[\w.]+\s+from\s+[\w.]+\s*(?:$|--|#|;|where|limit|/\*)|\w+\s*(?:--|#|$))"#,
    ),
    (
        "tautology",
        r#"(?:^|['"`)\d\s;%=])\s*(?:\bx?or\b|\band\b|\|\||&&)\s*(?:not\b\s*|!\s*)?[\s(]*(?:'[^']*'?|"[^"]*"?|-?\d+)\s*(?:=|<=>|<>|!=|<=?|>=?|\blike\b|\brlike\b|\bregexp\b|\bis\b|\bin\b|\bbetween\b)\s*[\s(]*(?:'|"|-?\d|null\b|true\b|false\b)"#,
    ),
    (
        "condition after a quote",
        r#"['"]\s*\)*\s*(?:\bx?or\b|\band\b|\|\||&&|\bdiv\b|\bmod\b|\brlike\b|\blike\b|\bhaving\b|\bin\b|\bbetween\b)[\s(!+~-]*(?:true\b|false\b|not\b|null\b|\d+\b|@|['"`][^'"`]*['"`]?\s*(?:=|<|>|!|\blike\b|\bin\b|\bis\b)|exists|\w+\s*(?:\(|=|<|>|!=|\blike\b|\bis\b|\bin\b|--|#))"#,
    ),
    (
        "comment after a quote",
        r#"^[^\n]{0,80}['"`]\s*[)\s;]*(?:--(?:[\s+-]*[\w+-]?)?|#|/\*.{0,3}|;\s*%00)\s*$"#,
    ),
    (
        "another statement",
        r#"(?:^|['"`\d)\s;])\s*;\s*(?:drop|alter|create|truncate)\s+(?:table|database|view|user|index|schema|procedure|function|login|role|trigger)\b|\bdrop\s+(?:table|database|schema|user)\s+(?:if\s+exists\s+)?[\w.`"\[]+\s*(?:;|--|#|/\*|cascade)"#,
    ),
    (
        "another statement",
        r#"['"`\d)\s;]\s*;\s*(?:insert\s+into\s+[\w.`"\[]+|update\s+[\w.`"\[\]]+\s+set\s+\S+\s*=|delete\s+from\s+[\w.`"\[]+|declare\s+@|exec(?:ute)?[\s(]+(?:@|x?p_|sp_|master|immediate|char|'|"|\w+\s+')|shutdown\b\s*(?:with|;|--|$)|waitfor\s+(?:delay|time)|select\b[\s(]*(?:\*|\d|['"@(]|\w+\s*[(,]|\w+\s+from)|grant\s+\w+\s+on|merge\s+into|call\s+\w+\s*\(|use\s+\w+\s*;|copy\s+\w*\s*[(\w]+\s+(?:from|to)\b|begin\b.{0,60}\bend\b|if\s*\(?.{1,80}\)?\s*(?:waitfor|select|drop)|set\s+@?\w+\s*=|handler\s+\w+\s+open|rename\s+table|backup\s+database|vacuum\b|attach\s+database)"#,
    ),
    (
        "delay",
        r#"(?:^|[^.\w])(?:sleep|pg_sleep|benchmark|sleep_for|dbms_lock\.sleep|dbms_pipe\.receive_message|dbms_session\.sleep|user_lock\.sleep)\s*\(\s*\(*\s*(?:-?\d|['"_\[$]|select|char|chr|md5|0x|if\b|\w+\()|\bwaitfor\s+(?:delay|time)\s*(?:\(?\s*['"]|\d)|\bdbms_(?:pipe|lock|session|xmlgen|java|export|utility|scheduler|xslprocessor|ldap)\.|\brandomblob\s*\(|\bgenerate_series\s*\("#,
    ),
    (
        "function of a database",
        r#"\b(?:extractvalue|updatexml|load_file|name_const|gtid_subset(?:ract)?|json_keys|st_latfromgeohash|st_longfromgeohash|polygon|geometrycollection|multipoint|linestring|concat_ws|group_concat|utl_inaddr\.\w+|utl_http\.\w+|httpuritype|ctxsys\.\w+|xmltype|ordsys\.\w+|xp_cmdshell|xp_dirtree|xp_regread|xp_fileexist|sp_executesql|sp_oacreate|sp_makewebtask|sp_password|fn_listextendedproperty|openrowset|opendatasource|openquery|pg_read_file|pg_ls_dir|lo_import|lo_export|current_setting|query_to_xml|database_to_xml|load_extension|sqlite_version|dblink_connect|chr\s*\(\s*\d+\s*\)\s*\|\||cha?r\s*\(\s*\d+\s*\)\s*[+|]|char\s*\(\s*\d+\s*,)\s*(?:\(|'|"|\d|;|$)|\bexp\s*\(\s*~|\bprocedure\s+analyse\s*\(|\bchar?\(\s*(?:0x[0-9a-f]+|\d{2,3})\s*(?:\)|,)"#,
    ),
    (
        "variable of a database",
        r"@@(?:version|hostname|datadir|basedir|servername|global|identity|language|tmpdir|secure_file_priv|innodb|plugin_dir|spid|rowcount|user)\b",
    ),
    (
        "catalogue of a database",
        r"\binformation_schema\s*\.|\b(?:sys\.(?:user_objects|tables|databases|objects|columns|schemas|x\$\w+|schema_\w+)|sysobjects|syscolumns|sysdatabases|sqlite_(?:master|schema|temp_master)|pg_catalog|pg_shadow|pg_user\b|pg_class|pg_tables|pg_stat_activity|mysql\.(?:user|db|innodb\w*)|all_tables|all_tab_columns|user_tables|user_tab_columns|msysaccessobjects|msysobjects|v\$(?:version|instance|session|database)|sysibm\.|syscat\.|domain\.(?:domains|tables|columns)|master\.\.|rdb\$\w+|from\s+dual\b)",
    ),
    (
        "selection",
        r#"(?:^|[\s('"`=,;|&)\d])select\b[\s(]*(?:\*|@@?\w+|count\s*\(|top\s+\d+|distinct\s+\w+|null\b|case\s+when|[\w.`"\[\]]+\s*\(|(?:[\w.`"\[\]]+\s*,\s*)+[\w.`"*]+|[\w.`"]+)[^\n]{0,200}?\bfrom\b[\s(]*[\w.`"\[]+[^\n]{0,200}?(?:--|#|;|\bwhere\b.{1,80}[=<>]|\blimit\s+\d|\border\s+by\s+\d|\)|['"]\s*$|=\s*['"\d])"#,
    ),
    (
        "order by a number",
        r#"(?:['"`)\d*]|^)\s*\)*\s*(?:order|group)\s+by\s+(?:\d+|\(|null)\s*(?:--|#|/\*|;|$|,|\s*(?:asc|desc)\b|\)|\w+\s*\()|['"`]\s*\)*\s*(?:order|group)\s+by\s+\w"#,
    ),
    (
        "probe of letters",
        r"\b(?:ascii|ord|hex|unicode|bin)\s*\(\s*\(?\s*(?:substr|substring|mid|lower|upper|select|left|right|char)\b|\b(?:substr|substring|mid|left|right)\s*\(\s*\(?\s*(?:select|@@|version|user|database|current_\w+|password|\w+\s*\()|\bsubstr(?:ing)?\s*\(.{1,80},\s*\d+\s*,\s*\d+\s*\)\s*[=<>]|\b(?:length|len|char_length)\s*\(\s*\(?\s*\S{1,60}\)\s*[=<>]+\s*\d|\bcast\s*\(.{1,80}\bas\s+(?:int|signed|numeric|char|varchar|nvarchar|text)|\bconvert\s*\(\s*(?:int|signed|numeric|\w+\s*,)|\bconvert\s*\(.{1,80}\busing\b",
    ),
    (
        "number and condition",
        r#"^\s*-?\d+\s*['"`)]*\s*(?:\bx?or\b|\band\b|\|\||&&)[\s(]*(?:\d+\s*[=<>]|'|"|\w+\s*(?:\(|=|<|>|\blike\b|\bis\b|\bin\b)|not\b|exists|true|false)|^\s*-?\d+\s*(?:rlike|regexp|like)\s*[('"]|^\s*(?:true|false)\s+(?:or|and)\b"#,
    ),
];

fn engine(value: &Value) -> Option<Sign> {
    let text = without_comments(&value.folded);
    let finished = match UNFINISHED
        .as_ref()
        .and_then(|end| end.find(text.as_bytes()))
    {
        Some(end) => &text[..end.start()],
        None => text.as_str(),
    };
    first(&SIGNATURES, finished).or_else(|| {
        if value.by_program || finished.len() < text.len() {
            return None;
        }
        libinjection(value)
    })
}

/// Asks libinjection's tokenizer, which also takes sentences with quotes for SQL: so the value must show a sign that
/// sentences do not have.
fn libinjection(value: &Value) -> Option<Sign> {
    if !looks_like_sql(&value.folded)
        || !libinjectionrs::detect_sqli(value.raw.as_bytes()).is_injection()
    {
        return None;
    }
    Some(Sign {
        name: "libinjection",
        payload: excerpt(&value.folded, 0, value.folded.len()),
    })
}

fn looks_like_sql(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "select",
        "union",
        "insert",
        "delete",
        "update",
        "drop",
        "exec",
        "where",
        "having",
        "sleep",
        "benchmark",
        "waitfor",
    ];
    let words = text
        .split(|letter: char| !letter.is_alphabetic())
        .filter(|word| word.len() > 2)
        .count();
    let signs = ["=", "--", "/*", "#", "||", "&&", "(", ";", "<", ">", "@@"];
    let has_sign = signs.iter().any(|sign| text.contains(sign));
    let has_word = WORDS.iter().any(|word| text.contains(word));
    // The longer a text is, the more signs it has for other reasons.
    match words {
        0..=3 => has_sign || has_word,
        4..=12 => {
            has_sign
                && (has_word
                    || ["'", "\"", "--", "/*", "#"]
                        .iter()
                        .any(|sign| text.contains(sign)))
        }
        _ => has_sign && has_word && text.contains(['\'', '"']) && text.contains("--"),
    }
}

/// Comments separate words as blanks do; what MySQL runs in `/*!…*/` stays.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        out.push_str(&rest[..start]);
        rest = &rest[start + 2..];
        if let Some(run) = rest.strip_prefix('!') {
            rest = run.trim_start_matches(|letter: char| letter.is_ascii_digit());
            out.push(' ');
            continue;
        }
        let Some(end) = rest.find("*/") else {
            // An open comment hides the rest of the statement; it stays, as a sign.
            out.push_str("/*");
            break;
        };
        out.push(' ');
        rest = &rest[end + 2..];
    }
    out.push_str(rest);
    out.replace("*/", " ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_pattern_is_compiled() {
        assert_eq!(SIGNATURES.len(), PATTERNS.len());
        assert!(UNFINISHED.is_some());
    }

    #[rstest]
    #[case("un/**/ion", "un ion")]
    #[case("/*!50000union*/ select", " union  select")]
    #[case("admin'/*", "admin'/*")]
    fn comments_do_not_hide_words(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(without_comments(text), expected);
    }
}
