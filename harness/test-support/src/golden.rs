//! Golden texts: what people read changes only on purpose. `UPDATE_GOLDEN=1 cargo test` writes them anew.

use std::fs;

use edgeproof_ground::tools;

/// A file of this repository, its path given from the root, is this text.
pub fn assert_golden(path: &str, text: &str) {
    let path = tools::home().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert!(
        golden == text,
        "{} differs, UPDATE_GOLDEN=1 writes it anew; it would now be:\n{text}",
        path.display()
    );
}
