//! Commands of shells, and code of the languages servers run.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Sign, compile, everywhere, excerpt, expression, first};
use crate::detect::{attack::AttackType, value::Value};

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Rce,
    triggers: &[
        ";",
        "|",
        "&",
        "`",
        "$(",
        "\n",
        "${",
        "/bin/",
        "/dev/tcp",
        "cmd",
        "powershell",
        "() {",
        "(){",
        "<?",
        "system",
        "exec",
        "eval",
        "passthru",
        "popen",
        "assert",
        "phpinfo",
        "base64_decode",
        "runtime",
        "processbuilder",
        "jndi",
        "%{",
        "ognl",
        "memberaccess",
        "class.module",
        "java",
        "runtime",
        "factory",
        "closure",
        "for ",
        "if ",
        "child_process",
        "require",
        "__import__",
        "subprocess",
        "import os",
        "os.",
        "php://",
        "data://",
        "expect://",
        "ro0ab",
        "\u{fffd}\u{fffd}\0",
        "o:",
        "a:",
        "/???",
        "$@",
        "wget ",
        "curl ",
        "nc ",
        "ncat ",
        "bash ",
        "sh -",
        "python",
        "perl ",
        "ruby ",
        "pickle",
        "yaml",
        "!!",
        "net user",
        "getclass",
        "forname",
        "include",
        "unserialize",
        "call_user_func",
        "create_function",
        "preg_replace",
        "allow_url",
        "auto_prepend",
        "suggestion",
        "xwork",
        "scriptengine",
        "groovy",
        ">/",
        "> /",
        "chmod ",
        "<(",
        "/usr/bin",
        "[{!",
        "proc_open",
        "file_put_contents",
        "file_get_contents",
        "thinkphp",
        "invokefunction",
        "java.lang",
        "nslookup",
        "ping ",
        "uname",
        "whoami",
        "rm ",
        "cat ",
        "?cmd",
        "c99",
        "r57",
    ],
    // They read the text as a shell would; see `engine`.
    signatures: &[],
    engine: Some(engine),
    applies: everywhere,
};

/// Programs that attacks start, behind whatever separates commands.
const PROGRAM: &str = r"(?:(?:/\S{0,40}/|\./)?(?:cat|tac|nl|head|tail|less|more|od|xxd|strings|ls|dir|id|whoami|who|w|pwd|uname|hostname|ifconfig|ipconfig|ip|netstat|ss|arp|route|ps|top|env|printenv|set|export|echo|printf|sleep|ping6?|nslookup|dig|host|traceroute|wget|curl|fetch|lynx|ftp|tftp|scp|ssh|telnet|nc|ncat|netcat|socat|bash|dash|zsh|ksh|csh|sh|python[23]?|perl|ruby|php[578]?|node|lua|gcc|awk|gawk|sed|grep|egrep|find|locate|which|whereis|type|xargs|tee|cp|mv|rm|mkdir|rmdir|touch|chmod|chown|kill|killall|pkill|useradd|adduser|passwd|su|sudo|crontab|at|nohup|mount|df|du|tar|gzip|gunzip|zip|unzip|base64|rev|cut|sort|uniq|wc|dd|date|uptime|last|history|finger|groups|mail|sendmail|cmd(?:\.exe)?|powershell(?:\.exe)?|pwsh|net|sc|reg|wmic|certutil(?:\.exe)?|bitsadmin|rundll32|regsvr32|mshta|cscript|wscript|systeminfo|tasklist|taskkill|copy|del|shutdown|reboot|halt|exit|eval|exec|timeout|busybox|openssl|getent|true|false|vi|vim|nano|emacs|apt|apt-get|yum|pip|npm|gem|docker|kubectl|systemctl|service|iptables|nmap|mysql|psql|sqlite3|man|stat|file|ln|test|expr|seq|yes|mkfifo|screen|tmux|source|trap|ulimit|umask|unset|alias))";

static SIGNATURES: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| compile(&PATTERNS));

static COMMANDS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let behind = |separator: &str, end: &str| format!("{separator}{PROGRAM}{end}");
    let patterns = [
        (
            "command behind a separator",
            behind(
                r"(?:;|\|\|?|&&?|\n)\s*(?:\\\s*)?",
                r"(?:\s*$|\s*[;|&#>\x60)}]|\s+[-/\\.~$'\x22{%\d<>*&|;:@]|\s+\S+\.\S+|\s+\w+\s*$|[<>]|\s+https?:|\+\S)",
            ),
        ),
        (
            "command in place of a value",
            behind(r"(?:\$\(|<\(|>\()\s*", r"(?:\s|\)|$|[;|&<>])"),
        ),
        // Prose puts names between backticks; a command has arguments or stands alone.
        (
            "command between backticks",
            behind(
                r"\x60\s*",
                r"\s+(?:-\w|/|\d|\$|\S*\.\S|https?:)[^\x60]*\x60",
            ),
        ),
        (
            "command between backticks",
            behind(r"^[^\s\x60]{0,40}\x60\s*", r"\s*\x60[^\s\x60]{0,40}\s*$"),
        ),
        (
            "command at the end of a value",
            behind(r"^[^\s;|&]{0,40}\s*[;|&]+\s*", r"(?:\s*$|\s+\S+\s*$)"),
        ),
        (
            "command alone",
            format!(
                r"^\s*(?:sudo\s+)?{PROGRAM}\s+(?:-\w+\s+)*(?:/(?:etc|proc|bin|usr|var|tmp|dev|home|root|opt)\b|-[a-z]{{1,6}}\s*[/;|&'\x22]|https?://|\.\./|[a-z]:\\)"
            ),
        ),
    ];
    patterns
        .iter()
        .filter_map(|(name, pattern)| Some((*name, expression(pattern).ok()?)))
        .collect()
});

const PATTERNS: [(&str, &str); 16] = [
    (
        "shell",
        r"(?:^|[^\w.-])/(?:usr/(?:local/)?)?s?bin/(?:ba|da|z|k|c|tc)?sh\b|/dev/(?:tcp|udp)/|\b(?:ba|z|k|c|da)?sh\s+-(?:i|c)\b|\bnc(?:at)?\s+(?:-\w+\s+)*-\w*[elp]\w*\b|\bbash\s+<\(|(?:^|[;|&\s\x60(])/(?:usr/)?s?bin/\w+(?:\s|$|[;|&)\x60])",
    ),
    (
        "shellshock",
        r"\(\s*\)\s*\{\s*(?::|_|\w+)?\s*;?.{0,40}\}\s*;|^\(\)\s*\{",
    ),
    (
        "variable as a blank",
        r"\$\{?ifs\b|\$ifs\$\d|\{[a-z]+,[-/\w.]+(?:,[^}]*)?\}\s*$|\$\{?(?:path|home|shell|pwd|ps\d)(?::\d+)+\}?|\$\{\w+(?:##?|%%?|:)\S{0,20}\}\s*(?:/|\w)",
    ),
    (
        "name with wildcards",
        r"/(?:\?|\*|\[\S\]|[a-z]){2,5}/[a-z?*\[\]]*\?[a-z?*\[\]]*",
    ),
    (
        "windows shell",
        r"\bcmd(?:\.exe)?\s*(?:/|\^/|(?u:\x{fffd})/)[ckr]\b|\bpowershell(?:\.exe)?\s+(?:-|/|\S*\()|\b(?:iex|invoke-(?:expression|webrequest|command|mimikatz))\b\s*[(\s]|\bnew-object\s+(?:system\.)?net\.|\bnet\s+(?:user|localgroup|view|use|share|start|stop)\b\s*[/\w\\]*\s*(?:$|/|\\|\w)|\bfor\s+(?:/[fldr]\s+)?(?:\x22[^\x22]*\x22\s+)?%{1,2}\S+\s+in\s*\(|\bif\s+(?:/i\s+)?(?:not\s+)?(?:exist\s+\S*[\\.%]\S*\s+\w|defined\s+\w+\s*\(|errorlevel\s+\d|\S+\s*(?:==|\bequ\b|\bneq\b|\bgeq\b|\blss\b)\s*\S+\s+(?:echo|goto|cmd|call|del|set|\())|%(?:comspec|systemroot|windir|programfiles|userprofile|temp)(?::~[-\d,]+)?%|\b(?:certutil|bitsadmin|regsvr32|rundll32|mshta|wmic|cscript|wscript)(?:\.exe)?\s+[-/\w]+",
    ),
    (
        "php",
        r"<\?(?:php\b|=|\s*(?:system|echo|eval|exec|passthru|print|phpinfo|include|require|\$|`|@))|\bphpinfo\s*\(\s*-?\d*\s*\)|<script\s+language\s*=\s*\S?php",
    ),
    (
        "function of php",
        r#"(?:^|[^\w.>$-])(?:shell_exec|passthru|proc_open|pcntl_exec|popen|base64_decode|gzinflate|str_rot13|call_user_func(?:_array)?|create_function|file_put_contents|file_get_contents|fwrite|fopen|readfile|show_source|highlight_file|move_uploaded_file|unserialize|preg_replace|array_map|array_filter|usort|get_defined_vars|ini_set|putenv|assert|system|exec|eval|scandir|glob|symlink|chr|hex2bin|var_dump|print_r|die|phpversion|php_uname|getenv|getcwd|include(?:_once)?|require(?:_once)?)\s*\(\s*(?:['"$@`]|\$_|base64_|chr\(|strrev|str_rot|gzinflate|getcwd|'|\w+\(|/)"#,
    ),
    (
        "variable of php",
        r#"\$_(?:get|post|request|cookie|server|files|session|env)\b|\$globals\b|\$\{\s*(?:phpinfo|system|eval|passthru|print|exec|@)|\$\w+\s*=\s*(?:base64_decode|create_function|['"](?:system|assert|exec)['"])|\$\w+\s*\(\s*\$\w+|\$+\{?[a-z_]\w*\}?(?:\[[^\]]*\]|->\$?\w+|::\$?\w+)*\([^)]*\)\s*(?:;|$|\()|\(\s*\[?\s*['"]?(?:system|exec|passthru|shell_exec|popen|assert|phpinfo|eval|print_r|var_dump)['"]?\s*\]?\s*\)\s*(?:\[\d+\]\s*)?\(|\b(?:exit|die|print|echo|printf)\s*\(?\s*md5\s*\(|\bdie\s*\(\s*md5|\becho\s+(?:md5|`|shell_exec|system|phpversion|php_uname|file_get_contents)\b"#,
    ),
    (
        "stream of php",
        r"\b(?:php://(?:input|filter|stdin|memory|temp)|expect://|data://?text/|data:(?:text/plain|,|;base64,|//)\S*|phar://|zip://|ogg://|ssh2\.\w+://)|\b(?:allow_url_include|auto_prepend_file|auto_append_file|disable_functions|safe_mode|open_basedir)\s*=|-d\s*\+?(?:allow_url_include|auto_prepend)",
    ),
    (
        "java",
        r#"(?:^|[^\w/.])java\.(?:lang|io|util|net|nio|beans|security|rmi|sql)(?:\.\w+)*\.[a-z]\w+\b|\bjava\.(?:processbuilder|runtime)\b|\bruntime\s*\.\s*(?:exec|getruntime)|\b(?:clonetransformer|forclosure|instantiatefactory|instantiatetransformer|invokertransformer|prototypeclonefactory|prototypeserializationfactory|whileclosure|getproperty|filewriter|xmldecoder)\b|\bgetruntime\s*\(|\bprocessbuilder\b\s*[(.]|\.getclass\s*\(|\bforname\s*\(|\bgetdeclaredmethod|\bscriptenginemanager|javax\.(?:script|naming|el|faces)|\bclass\s*[.\[]\s*['"]?(?:module|classloader|protectiondomain)|\borg\.apache\.(?:commons|catalina|tomcat|struts)\S*|\bnew\s+(?:java|groovy)\w*[.(]|\.execute\s*\(\s*\)\.text|\bgroovy\.(?:lang|util|util\.eval)|\borg\.springframework\.\w+\.\w+"#,
    ),
    (
        "lookup of log4j",
        r"\$\{(?:[^{}]{0,30}:)?\s*(?:j\S{0,40}n\S{0,40}d\S{0,40}i|\$\{[^}]*\})\S{0,60}:|\$\{\s*(?:jndi|lower|upper|env|sys|java|date|ctx|main|docker|k8s|spring|base64|script|dns|url|const|bundle|log4j|web|marker|::-\w?)\s*:[^}]*[}:]|\$\{\$\{",
    ),
    (
        "ognl",
        r"[%$#]\{\s*(?:\(\s*)?#|#_?memberaccess|#context\[|#application\[|@ognl\.|\bognlcontext\b|\(#\w+\s*=|@java\.lang\.|xwork\.methodaccessor|redirect(?:action)?:\s*[$%]\{|\bdefaultactionmapper\b|#(?:req|res|cmd|cmds|p|proc|os|ros|iswin|dm|container|ognlutil|a|b|c|f|str|parameters)\s*[=.\[]",
    ),
    (
        "javascript of a server",
        r#"\brequire\s*\(\s*['"`](?:child_process|fs|os|http|https|net|vm|util|module|node:\w+)['"`]|\bchild_process\b|\bprocess\s*\.\s*(?:mainmodule|binding|env\b|exit\s*\(|kill\s*\(|version\b|cwd\s*\()|\bglobal\s*\.\s*process|\bspawn(?:sync)?\s*\(\s*['"`]|\bexec(?:sync|file|filesync)\s*\(|\b_\$\$nd_func\$\$_|\b(?:__proto__|constructor)\s*[.\[:]\s*\S{0,20}(?:prototype|shell|outputfunctionname|argv0|node_options)|\bres\s*\.\s*(?:end|write|send)\s*\("#,
    ),
    (
        "python",
        r#"\b__import__\s*\(|\bos\s*\.\s*(?:system|popen|exec[lv]p?e?|spawn\w*|environ|listdir|getcwd|remove|unlink)\b|\bsubprocess\s*\.\s*(?:popen|call|run|check_output|check_call|getoutput)|\bimport\s+(?:os|sys|subprocess|socket|pty|commands)\b\s*(?:;|,|\n|$|\bas\b)|\b(?:eval|exec|compile|execfile)\s*\(\s*(?:compile|__|open\(|['"]\s*(?:import|__|print)|\w+\.decode)|\bpty\s*\.\s*spawn|\bpickle\s*\.\s*loads|c(?:os|posix|nt)\n\s*system\n|!!python/|\bopen\s*\(\s*['"]/(?:etc|proc|tmp)|\bcommands\.getoutput"#,
    ),
    (
        "ruby or perl",
        r#"\bkernel\s*\.\s*(?:exec|system|open|fork|spawn)|\bio\s*\.\s*popen|%x[\[({!|]|\bfile\s*\.\s*(?:open|read|write)\s*\(\s*['"]/|!!?ruby/|!!(?:javax|java|com|org)\.|\bprocess\.spawn\s*\(|\bopen3\.|\b(?:ruby|perl|php|python\d?|lua|node)\s+-(?:e|r|c|m\w+)\s*\S|\bsystem\s*\(?\s*['"`](?:/|\w+\s+[-/]|id\b|ls\b|cat\b|whoami|uname|ping|sleep|curl|wget|touch|echo|nslookup|rm\b)|\b(?:exec|eval)\s*\(?\s*['"`](?:/|id\b|ls\b|cat\b|whoami|uname|ping|sleep\b|curl|wget|touch|print|phpinfo|system)"#,
    ),
    (
        "download and run",
        r"\b(?:wget|curl|fetch|lwp-download|lynx)\s+(?:-\S+\s+)*(?:['\x22]?\s*)?(?:https?|ftp)://\S+\s*(?:-\w|[;|&>]|$|\.sh)|\b(?:wget|curl)\s+(?:-\S+\s+)*(?:\d+\.\d+\.\d+\.\d+|\S+\.(?:sh|pl|py|txt|php|exe|elf)\b)|\|\s*(?:ba|da|z)?sh\b|>\s*/(?:tmp|var|dev|etc|home|root)/\S+|\bchmod\s+(?:\+x|[0-7]{3,4}|-r)\s|\brm\s+-\w*[rf]\w*\s+\S",
    ),
];

fn engine(value: &Value) -> Option<Sign> {
    if let Some(sign) = first(&SIGNATURES, &value.folded) {
        return Some(sign);
    }
    if value.by_program {
        return None;
    }
    first(&COMMANDS, &value.folded).or_else(|| {
        let plain = as_a_shell_reads_it(&value.folded);
        if plain == value.folded {
            return None;
        }
        let hidden = first(&COMMANDS, &plain).or_else(|| first(&SIGNATURES, &plain))?;
        Some(Sign {
            name: "hidden command",
            payload: excerpt(&hidden.payload, 0, hidden.payload.len()),
        })
    })
}

/// The text without what a shell drops: empty quotes, backslashes and carets inside of words, empty variables.
fn as_a_shell_reads_it(text: &str) -> String {
    let text = text
        .replace("${ifs}", " ")
        .replace("$ifs$9", " ")
        .replace("$ifs", " ")
        .replace("$@", "")
        .replace("$*", "")
        .replace("$u", "");
    let letters: Vec<char> = text.chars().collect();
    let in_word = |at: usize| {
        letters
            .get(at)
            .is_some_and(|letter| letter.is_ascii_alphanumeric())
    };
    let mut out = String::with_capacity(text.len());
    for (at, &letter) in letters.iter().enumerate() {
        let dropped = match letter {
            '\'' | '"' | '\\' | '^' => {
                in_word(at + 1)
                    && (at == 0
                        || in_word(at - 1)
                        || matches!(letters[at - 1], '/' | '\'' | '"' | ';' | '|' | '&' | ' '))
                    || at > 0
                        && in_word(at - 1)
                        && letters
                            .get(at + 1)
                            .is_some_and(|next| matches!(next, '\'' | '"' | '/'))
            }
            _ => false,
        };
        if !dropped {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_pattern_is_compiled() {
        assert_eq!(SIGNATURES.len(), PATTERNS.len());
        assert_eq!(COMMANDS.len(), 6);
    }

    #[rstest]
    #[case(";c'a't /etc/passwd", ";cat /etc/passwd")]
    #[case(r";c\at${ifs}x", ";cat x")]
    #[case(";wh^oami", ";whoami")]
    fn a_shell_drops_what_hides_a_word(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(as_a_shell_reads_it(text), expected);
    }
}
