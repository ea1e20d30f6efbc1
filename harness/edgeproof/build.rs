//! Says where the parts are that this crate has inside: `parts.tar` of its package, or, with the feature `embedded`, what
//! `EDGEPROOF_PARTS` names. In a checkout there are none: it reads them there.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-check-cfg=cfg(has_parts)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=EDGEPROOF_PARTS");
    let packaged =
        Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("parts.tar");
    let parts = if env::var_os("CARGO_FEATURE_EMBEDDED").is_some() {
        let named = env::var_os("EDGEPROOF_PARTS").map(PathBuf::from);
        named.ok_or("EDGEPROOF_PARTS must name the archive of the parts; `ci/package` makes it")?
    } else if packaged.is_file() {
        packaged
    } else {
        return Ok(());
    };
    println!("cargo::rustc-cfg=has_parts");
    println!("cargo::rustc-env=EDGEPROOF_PARTS={}", parts.display());
    println!("cargo::rerun-if-changed={}", parts.display());
    Ok(())
}
