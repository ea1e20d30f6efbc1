//! Where installers put browsers that are not on `PATH`: those of the system, and the caches of Playwright and Puppeteer.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::Tool;

pub(super) fn find(tool: Tool) -> Option<PathBuf> {
    let installed = installed(tool).iter().map(PathBuf::from);
    let cached = caches()
        .into_iter()
        .flat_map(|cache| in_cache(tool, &cache));
    installed.chain(cached).find(|path| path.is_file())
}

fn installed(tool: Tool) -> &'static [&'static str] {
    match tool {
        Tool::Chromium => &[
            "/Applications/Chromium.app/Contents/MacOS/Chromium",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
            "/opt/google/chrome/chrome",
            "/opt/microsoft/msedge/msedge",
            "/snap/bin/chromium",
        ],
        Tool::Firefox => &[
            "/Applications/Firefox.app/Contents/MacOS/firefox",
            "/snap/bin/firefox",
        ],
        Tool::Esbuild | Tool::Workerd => &[],
    }
}

/// The folders in which Playwright and Puppeteer keep the browsers that they download.
fn caches() -> Vec<PathBuf> {
    let home = env::home_dir();
    let below = |folder: &str| home.as_ref().map(|home| home.join(folder));
    let stated = |variable: &str| env::var_os(variable).map(PathBuf::from);
    let playwright = if cfg!(target_os = "macos") {
        "Library/Caches/ms-playwright"
    } else {
        ".cache/ms-playwright"
    };
    let found = [
        stated("PLAYWRIGHT_BROWSERS_PATH").or_else(|| below(playwright)),
        stated("PUPPETEER_CACHE_DIR").or_else(|| below(".cache/puppeteer")),
    ];
    found.into_iter().flatten().collect()
}

/// The executables of a browser in such a folder, newest version first. Playwright: `chromium-1181/chrome-linux/chrome`.
/// Puppeteer: `chrome/linux-139.0.7258.66/chrome-linux64/chrome`. Firefox of Playwright is patched and speaks no BiDi.
fn in_cache(tool: Tool, cache: &Path) -> Vec<PathBuf> {
    const CHROMIUM: [&str; 6] = [
        "chrome-linux/chrome",
        "chrome-linux64/chrome",
        "chrome-mac/Chromium.app/Contents/MacOS/Chromium",
        "chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
        "chrome-mac-x64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
        "chrome-linux-arm64/chrome",
    ];
    const FIREFOX: [&str; 2] = ["firefox/firefox", "Firefox.app/Contents/MacOS/firefox"];
    let (folders, executables): (Vec<PathBuf>, &[&str]) = match tool {
        Tool::Chromium => {
            let mut folders = versions(cache, "chromium-");
            folders.extend(versions(&cache.join("chrome"), ""));
            (folders, &CHROMIUM)
        }
        Tool::Firefox => (versions(&cache.join("firefox"), ""), &FIREFOX),
        Tool::Esbuild | Tool::Workerd => return Vec::new(),
    };
    let of = |folder: PathBuf| executables.iter().map(move |path| folder.join(path));
    folders.into_iter().flat_map(of).collect()
}

/// The folders with this start of their name, the highest version first.
fn versions(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(start)?;
            let numbers = version.split(|letter: char| !letter.is_ascii_digit());
            let numbers = numbers.filter_map(|number| number.parse().ok()).collect();
            Some((numbers, entry.path()))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::playwright(
        Tool::Chromium,
        &["chromium-999/chrome-linux/chrome", "chromium-1181/chrome-linux/chrome"],
        "chromium-1181/chrome-linux/chrome"
    )]
    #[case::puppeteer(
        Tool::Chromium,
        &["chrome/linux-99.0.1/chrome-linux64/chrome", "chrome/linux-139.0.7258.66/chrome-linux64/chrome"],
        "chrome/linux-139.0.7258.66/chrome-linux64/chrome"
    )]
    #[case::firefox(
        Tool::Firefox,
        &["firefox/linux-stable_141.0/firefox/firefox"],
        "firefox/linux-stable_141.0/firefox/firefox"
    )]
    fn the_newest_browser_of_a_cache_is_found(
        #[case] tool: Tool,
        #[case] there: &[&str],
        #[case] expected: &str,
    ) {
        let cache = tempfile::tempdir().unwrap();
        for path in there {
            let path = cache.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = in_cache(tool, cache.path());
        let found = found.into_iter().find(|path| path.is_file());
        assert_eq!(found, Some(cache.path().join(expected)));
    }
}
