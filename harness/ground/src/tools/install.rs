//! The one command that installs a tool on this system.

use std::fs;

use super::{Tool, is_checkout, packages::WORKERD};

pub(super) fn command(tool: Tool) -> String {
    if is_checkout() {
        return "run `ci/setup`".to_owned();
    }
    match tool {
        Tool::Workerd => format!("run `npm install --save-dev workerd@{WORKERD}`"),
        Tool::Esbuild => "run `npm install --save-dev esbuild`".to_owned(),
        Tool::Chromium | Tool::Firefox => {
            let system = if cfg!(target_os = "macos") {
                "macos".to_owned()
            } else {
                fs::read_to_string("/etc/os-release").unwrap_or_default()
            };
            format!("run `{}`", browser(tool, &system))
        }
    }
}

/// `system` is `macos` or the content of `/etc/os-release`.
fn browser(tool: Tool, system: &str) -> String {
    let is_firefox = tool == Tool::Firefox;
    if system == "macos" {
        let cask = if is_firefox {
            "firefox"
        } else {
            "google-chrome"
        };
        return format!("brew install --cask {cask}");
    }
    // A distribution names itself, then those it is like.
    let mut names: Vec<&str> = Vec::new();
    for key in ["ID=", "ID_LIKE="] {
        let line = system.lines().find_map(|line| line.strip_prefix(key));
        names.extend(line.unwrap_or_default().trim_matches('"').split(' '));
    }
    let package = if is_firefox { "firefox" } else { "chromium" };
    for name in names {
        return match name {
            // Ubuntu's packages of both are snaps.
            "ubuntu" => format!("sudo snap install {package}"),
            "debian" if is_firefox => "sudo apt-get install firefox-esr".to_owned(),
            "debian" => "sudo apt-get install chromium".to_owned(),
            "fedora" | "rhel" => format!("sudo dnf install {package}"),
            "arch" => format!("sudo pacman -S {package}"),
            "alpine" => format!("apk add {package}"),
            "suse" | "opensuse" => format!("sudo zypper install {package}"),
            _ => continue,
        };
    }
    if is_firefox {
        "npx @puppeteer/browsers install firefox@stable --path ~/.cache/puppeteer".to_owned()
    } else {
        "npx playwright install chromium".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ID=debian\nVERSION_ID=\"12\"\n", "sudo apt-get install chromium")]
    #[case("ID=ubuntu\nID_LIKE=debian\n", "sudo snap install chromium")]
    #[case(
        "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
        "sudo snap install chromium"
    )]
    #[case("NAME=\"Fedora Linux\"\nID=fedora\n", "sudo dnf install chromium")]
    #[case(
        "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
        "sudo dnf install chromium"
    )]
    #[case("ID=nixos\n", "npx playwright install chromium")]
    #[case("", "npx playwright install chromium")]
    #[case("macos", "brew install --cask google-chrome")]
    fn each_system_has_its_command(#[case] system: &str, #[case] expected: &str) {
        assert_eq!(browser(Tool::Chromium, system), expected);
    }
}
