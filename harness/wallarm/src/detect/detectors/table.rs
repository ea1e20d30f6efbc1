//! The table of signatures: for each kind of attack that needs nothing else, the words that make a value worth a closer
//! look, and the regular expressions over the folded value.

use super::{Detector, everywhere};
use crate::detect::{attack::AttackType, point::Point};

/// All kinds but SQL, scripts and commands, which have files of their own.
pub(super) const TABLE: [Detector; 10] = [
    // Paths that leave their folder, and the files such attacks are after.
    Detector {
        attack: AttackType::Ptrav,
        triggers: &[
            "..",
            "etc",
            "proc",
            "windows",
            "winnt",
            "boot.ini",
            "win.ini",
            "system32",
            "passwd",
            "web.config",
            "web-inf",
            "meta-inf",
            ".ht",
            ".ssh",
            ".aws",
            "id_rsa",
            "_history",
            "/var/",
            "wp-config",
            ".git",
            "file://",
            "php://",
            "/home/",
            "/root/",
            "/dev/",
            "/usr/local",
        ],
        signatures: &[
            (
                "steps upwards",
                r"(?:^|[/\\=:;,\s\x22'(])\.{2,}[;\s]*[/\\]+(?:\.{2,}[;\s]*[/\\]+)+",
            ),
            (
                "doubled steps",
                r"\.{3,4}[/\\]{1,3}[^\s.]*\.{3,4}[/\\]|\.\.[/\\]{2,}\.\.|(?:\.\.;/){1,}|(?:\.\.\\){2,}|(?:\./\.\.?/){2,}|(?:\.\\/){2,}",
            ),
            (
                "one step to a system folder",
                r"\.\.[/\\]+(?:[^/\\]+[/\\]+)?(?:etc|proc|windows|winnt|boot|var|usr|root|home|conf|config|private|web-inf|admin|\.env|\.git|\.ssh)(?:[/\\.]|$)",
            ),
            (
                "file of a Unix system",
                r"(?:^|[^\w.-])/*(?:private/)?etc[/\\]+(?:\./)*(?:passwd|shadow|group|gshadow|hosts|hostname|issue|fstab|mtab|motd|crontab|cron\.\w+|sudoers|resolv\.conf|ssh/|ssl/|nginx/|apache2?/|httpd/|mysql/|my\.cnf|php\w*/|profile|bashrc|environment|services|inetd\.conf|init\.d|rc\.\w+|redhat-release|os-release|debian_version|lsb-release|master\.passwd|security/|ld\.so|samba/|vsftpd|proftpd|exports|inittab|networks?\b|tomcat\d*/|default/|pam\.d/|xinetd|syslog|logrotate|alpine-release)",
            ),
            (
                "file of a Unix system",
                r"(?:^|[^\w.-])(?:proc/(?:self|version|cmdline|cpuinfo|meminfo|mounts|net|sched|\d+)(?:/|$|\W)|var/(?:log|mail|spool|run|lib/\w+)/|usr/local/(?:apache|etc|nginx|www|php|app)\w*/|root/\.\w+|home/[\w*]+/\.\w+|dev/(?:random|urandom|zero|tcp|fd/\d|stdin)(?:\W|$)|var/www/\S*\.\w+|opt/lampp/)",
            ),
            (
                "file of a Windows system",
                r"(?:^|[^a-z])(?:[a-z]:)?[/\\]*(?:(?:windows|winnt)[/\\]+(?:system32|win\.ini|system\.ini|repair|php\.ini|my\.ini|debug|panther|system|inetpub|temp|iis)|boot\.ini(?:$|\W)|inetpub[/\\]|autoexec\.bat|system32[/\\]|win\.ini(?:$|\W)|ntuser\.dat|documents and settings[/\\]|users[/\\]administrator)",
            ),
            (
                "file of an application",
                r"(?:^|[/\\=\s])(?:web-inf[/\\](?:web\.xml|classes|lib)|meta-inf[/\\]|\.ht(?:access|passwd)\b|\.ssh[/\\](?:id_|authorized_keys|known_hosts)|id_[rd]sa\b|\.aws[/\\]credentials|\.(?:ba|z)sh_history|\.mysql_history|wp-config\.php|global\.asax?\b|web\.config$|\.git[/\\](?:config|head|index)|\.svn[/\\]entries|\.docker[/\\]config|\.kube[/\\]config|\.npmrc|\.netrc|\.bashrc|\.pgpass|config[/\\](?:database|secrets)\.yml)",
            ),
            (
                "wrapper",
                r"\bphp://filter/|\bfile:/{2,}(?:etc|proc|c:|windows|var|usr|home|root|localhost)|\bzip://|\bglob://",
            ),
        ],
        engine: None,
        applies: everywhere,
    },
    // Entities, inclusions and style sheets that make an XML parser fetch something.
    Detector {
        attack: AttackType::Xxe,
        triggers: &[
            "<!entity",
            "<!doctype",
            "xinclude",
            "<xi:",
            "<?xml",
            "<xsl:",
        ],
        signatures: &[
            (
                "external entity",
                r#"<!entity\s+(?:%\s+)?[^\s>]+\s+(?:system|public)\b"#,
            ),
            ("parameter entity", r"<!entity\s+%\s+\S+"),
            // Any entity of the document's own is what expansion attacks are made of.
            (
                "declared entity",
                r#"<!doctype[^>\[]*\[[^\]]*<!entity\s+[^\s>]+\s+["']"#,
            ),
            // The document types of (X)HTML and SVG name the W3C.
            (
                "external document type",
                r#"<!doctype\s+[^\s>\[]+\s+(?:system\s*["'][^"']+|public\s*["'](?:[^-"'+]|-[^/])[^"']*["']\s*["'][^"']+)"#,
            ),
            (
                "inclusion",
                r#"<(?:xi|[a-z]+):(?:include|fallback)\b[^>]*\bhref\s*=|xmlns:[a-z]+\s*=\s*["']http://www\.w3\.org/2001/xinclude"#,
            ),
            (
                "style sheet",
                r#"<\?xml-stylesheet\b[^>]*href\s*=\s*["']?\s*(?:https?:|ftp:|file:|//)"#,
            ),
            (
                "transformation",
                r#"<xsl:(?:include|import|copy-of|value-of|variable)\b[^>]*(?:document\s*\(|unparsed-text|system-property|href\s*=\s*["'](?:https?|ftp|file):|php:function)"#,
            ),
        ],
        engine: None,
        applies: everywhere,
    },
    // Addresses that a server must not fetch: its own network, its cloud's metadata, other protocols.
    Detector {
        attack: AttackType::Ssrf,
        triggers: &[
            "//", "169.254.", "metadata", "file:", "gopher:", "dict:", "jar:", "netdoc:",
        ],
        signatures: &[
            (
                "own network",
                r"(?:^|[=\s,(\x22'@])(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}(?:[^/\\@\s]*@)?(?:localhost|localtest\.me|0|127\.\d+(?:\.\d+){0,2}|127\.1|0\.0\.0\.0|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|169\.254\.\d+\.\d+|\[(?:::1?|::ffff:[0-9a-f.:]+|0:0:0:0:0:(?:0|ffff)[0-9a-f.:]*|f[cd][0-9a-f:]+|fe80:[0-9a-f:]+|fd00:[0-9a-f:]+)\])(?:[:/\\?#\s\x22']|$)",
            ),
            (
                "address as a number",
                r"(?:^|[=\s,(\x22'])(?:https?|ftp):[/\\]{2}(?:[^/\\@\s]*@)?(?:0x[0-9a-f]{8}|0x[0-9a-f]{1,2}(?:\.0x[0-9a-f]{1,2}){1,3}|0[0-7]{2,3}(?:\.0*[0-7]{1,4}){1,3}|[1-9]\d{7,9})(?:[:/?#]|$)",
            ),
            (
                "metadata of a cloud",
                r"169\.254\.169\.25[34]|169\.254\.170\.2|metadata\.(?:google\.internal|azure\.(?:com|internal)|tencentyun\.com|packet\.net|platformequinix)|100\.100\.100\.200|/latest/(?:meta-data|user-data|dynamic)|computemetadata/v1|instance-data(?:/|\.ec2)|kubernetes\.default(?:\.svc)?",
            ),
            (
                "name that leads inside",
                r"://[^/\s]*(?:\.(?:nip|xip|sslip)\.io|\.localtest\.me|\.lvh\.me|\.vcap\.me|\.lacolhost\.com|\.internal|\.intranet|\.localdomain|spoofed\.burpcollaborator\.net)(?:[:/]|$)",
            ),
            (
                "other protocol",
                r"(?:^|[=\s,(\x22'<>])(?:gopher|dict|tftp|ldaps?|sftp|netdoc|jar:(?:https?|file)|phar|local_file|view-source|ssh2|ogg|rar|zlib|compress\.\w+|smb|imaps?|pop3s?|rtsp|telnet|rmi|iiop|corba)(?:[:]/{1,3}|:https?:|:/)[\w./\[%-]",
            ),
            (
                "file of the server",
                r"(?:^|[=\s,(\x22'])file:/{1,3}[\w./%-]",
            ),
        ],
        engine: None,
        applies: fetched,
    },
    // Expressions in the delimiters of template engines.
    Detector {
        attack: AttackType::Ssti,
        triggers: &[
            "{{",
            "${",
            "#{",
            "<%",
            "{%",
            "*{",
            "@{",
            "{php",
            "{system",
            "#set",
            "#foreach",
            "__class__",
            "{if ",
            "{$",
            "{=",
            "<#",
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
        ],
        engine: None,
        applies: everywhere,
    },
    // Server-side includes: directives in comments, and the tags of edge-side includes.
    Detector {
        attack: AttackType::Ssi,
        triggers: &["<!--", "<esi:"],
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
    },
    // LDAP filters that break out of the value they were put into.
    Detector {
        attack: AttackType::Ldapi,
        triggers: &[")(", ") (", "(|", "(&", "(!", "*)", "=*"],
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
                "filter inside",
                r"\(\s*[|&!]\s*\(\s*(?:cn|uid|ou|dc|mail|sn|objectclass|userpassword|samaccountname|memberof|password|name|givenname)\s*[~<>]?=",
            ),
            (
                "presence of an attribute",
                r"\(\s*(?:cn|uid|ou|dc|sn|mail|objectclass|userpassword|samaccountname|password|name)\s*=\s*\*",
            ),
        ],
        engine: None,
        applies: everywhere,
    },
    // Operators and code in queries of document databases.
    Detector {
        attack: AttackType::Nosqli,
        triggers: &["$", "db.", "this.", "return", "||", "&&"],
        signatures: &[
            (
                "operator as a name",
                r"^\$(?:eq|ne|gte?|lte?|n?in|not|n?or|and|exists|type|mod|regex|text|where|expr|all|elemmatch|size|jsonschema|function|accumulator|lookup|merge|out|comment|rand|slice|options|set|unset|push|pull|inc|rename|func|match|group|project)$",
            ),
            (
                "operator in brackets",
                r"\[\s*['\x22]?\$(?:eq|ne|gte?|lte?|n?in|not|n?or|and|exists|type|mod|regex|text|where|expr|all|elemmatch|size|func)\b['\x22]?\s*\]",
            ),
            (
                "operator in a query",
                r#"[{,\[(]?\s*['"]?\$(?:eq|ne|gte?|lte?|n?in|not|n?or|and|exists|type|mod|regex|where|expr|all|elemmatch|size|func|function|accumulator|lookup)['"]?\s*:\s*(?:['"\[{\d/-]|null|true|false|function|this|\w+\()"#,
            ),
            (
                "code in a condition",
                r"\$where\b|\bthis\.[\w.]+\s*(?:={2,3}|!==?|[<>]=?|\.match\s*\(|\.constructor|\[)|\bfunction\s*\(\s*\)\s*\{\s*return\b",
            ),
            (
                "statement after a quote",
                r#"['"]\s*\)?\s*;\s*(?:return\b|var\s+\w+\s*=|while\s*\(|for\s*\(|sleep\s*\(|db\.|if\s*\(|this\.|throw\b|it\s*=)"#,
            ),
            (
                "condition after a quote",
                r#"['"`]\s*(?:\|\||&&)\s*(?:['"`]?\w*['"`]?\s*(?:={1,3}|!==?|[<>])|this\b|true\b|!|\(|1\b|new\b|sleep\b|db\.)"#,
            ),
            (
                "command",
                r"\bdb\.(?:\w+\.)?(?:find|insert|update|remove|drop|save|aggregate|mapreduce|getcollection\w*|dropdatabase|stats|version|createcollection|eval|adduser|createuser|hostinfo|runcommand|admincommand|collection|auth|loadserverscripts|injection)\w*\s*\(",
            ),
        ],
        engine: None,
        applies: everywhere,
    },
    // Line breaks that end a header and begin another one, or a second response.
    Detector {
        attack: AttackType::Crlf,
        triggers: &["\n", "\u{560a}", "\u{560d}"],
        signatures: &[
            (
                "header of a response",
                r"(?:\n|(?u:[\x{560a}\x{560d}]))\s*(?:set-cookie2?|location|content-(?:length|encoding|disposition|security-policy)|refresh|link|access-control-[a-z-]+|x-xss-protection|strict-transport-security|transfer-encoding|cache-control|last-modified|www-authenticate)\s*:\s?\S",
            ),
            (
                "invented header",
                r"^[^\n]{0,80}(?:\n|(?u:[\x{560a}\x{560d}]))\s*[a-z]+(?:-[a-z]+)+\s*:\s?\S{1,60}$",
            ),
            (
                "another message",
                r"(?:\n|(?u:[\x{560a}\x{560d}]))\s*(?:(?:get|post|put|head|delete|options|trace|connect)\s+\S+\s+)?http/[0-9.]+(?:\s|$)",
            ),
            (
                "body after the headers",
                r"^[^\n<]{0,60}\n\s*<\s*(?:script|html|body|svg|img)\b[^>]*>",
            ),
        ],
        engine: None,
        applies: not_a_file,
    },
    // Headers of a mail, and commands of SMTP and IMAP, put into a field of a form.
    Detector {
        attack: AttackType::MailInjection,
        triggers: &[
            "bcc",
            "cc:",
            "cc :",
            "\nto",
            "\nfrom",
            "\nsubject",
            "\nreply",
            "rcpt",
            "mail from",
            "\nquit",
            "\ndata",
            "mime-v",
            "content-",
            "\nhelo",
            "\nehlo",
            "capability",
            "\nnoop",
            "fetch",
            "login",
        ],
        signatures: &[
            ("copies", r"(?:^|\n|\\n|\\r)\s*b?cc\s*:\s*\S*@?\S*"),
            (
                "recipient or sender",
                r"(?:\n|\\n|\\r)\s*(?:to|from|reply-to|return-path|sender|x-mailer)\s*:\s*[^\n]{0,80}@",
            ),
            (
                "subject or form",
                r"(?:\n|\\n|\\r)\s*(?:subject|mime-version|content-type|content-transfer-encoding)\s*:\s?\S",
            ),
            (
                "command of SMTP",
                r"(?:^|\n|\\n)\s*(?:rcpt\s+to\s*:|mail\s+from\s*:|(?:helo|ehlo|vrfy|expn)\s+\S+|data\s*\n|quit\s*(?:$|\n)|rset\s*\n)",
            ),
            (
                "command of IMAP",
                r#"(?:^|["')]|\n)\s*\n?\s*[a-z]\d{1,4}\s+(?:capability|noop|logout|login|authenticate|select|examine|create|delete|rename|subscribe|list|lsub|status|append|check|close|expunge|search|fetch|store|copy|uid|starttls)\b"#,
            ),
        ],
        engine: None,
        applies: not_a_file,
    },
    // Vulnerability scanners that say who they are.
    Detector {
        attack: AttackType::Scanner,
        triggers: &[
            "acunetix",
            "arachni",
            "burp",
            "commix",
            "dalfox",
            "dirb",
            "dirsearch",
            "ffuf",
            "gobuster",
            "gotestwaf",
            "havij",
            "masscan",
            "nessus",
            "netsparker",
            "nikto",
            "nmap",
            "nuclei",
            "openvas",
            "qualys",
            "sqlmap",
            "w3af",
            "wapiti",
            "wfuzz",
            "whatweb",
            "wpscan",
            "zgrab",
            "zap",
        ],
        signatures: &[(
            "tool",
            r"(?:^|[\s(/;:,_-])(?:acunetix|arachni|burp(?: ?suite|collaborator)?|commix|dalfox|dirb(?:uster)?|dirsearch|ffuf|gobuster|gotestwaf|havij|masscan|nessus|netsparker|nikto|nmap|nuclei|openvas|qualys|sqlmap|w3af|wapiti|wfuzz|whatweb|wpscan|zgrab|(?:owasp )?zap(?:roxy)?)(?:$|[\s/.);:,_-])",
        )],
        engine: None,
        applies: |point| point.is_header("USER-AGENT") || point.is_header("X-SCANNER"),
    },
];

/// An upload has such lines by right.
fn not_a_file(point: &Point) -> bool {
    !point.steps().iter().any(|step| step == "file")
}

/// A `Referer` or `Origin` says where the visitor comes from, and nobody fetches it. The host of the request is no value.
fn fetched(point: &Point) -> bool {
    const NAMES: [&str; 5] = [
        "REFERER",
        "ORIGIN",
        "HOST",
        "X-FORWARDED-HOST",
        "X-FORWARDED-FOR",
    ];
    !NAMES.iter().any(|name| point.is_header(name))
}
