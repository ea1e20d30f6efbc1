//! Paths that leave their folder, and the files such attacks are after.

use super::{Detector, everywhere};
use crate::wallarm::detect::attack::AttackType;

pub(super) const DETECTOR: Detector = Detector {
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
        "shadow",
        "web.config",
        "web-inf",
        ".htaccess",
        ".htpasswd",
        ".ssh",
        ".aws",
        "id_rsa",
        "_history",
        "/var/log",
        "php.ini",
        "wp-config",
        ".git",
        "\\",
        "meta-inf",
        "file://",
        "autoexec.bat",
        "global.asa",
        "self/environ",
        "my.cnf",
        "/usr/local",
        "/home/",
        "/root/",
        "/dev/",
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
            "a step and the end of a string",
            r"\.\.[/\\][^\s]*(?:%00|(?u:\x{fffd})|\?|;)\S*$",
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
};
