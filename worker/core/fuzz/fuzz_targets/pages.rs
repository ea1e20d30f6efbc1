//! The start of pages: the place for the script is inside the page and does not depend on how it is cut into pieces.
#![no_main]

use edgeproof_worker_core::injection::{Found, Scanner, Width};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, page) = input;
    let whole = scan(page, page.len().max(1));
    assert_eq!(scan(page, usize::from(piece).max(1)), whole);
    if let Some(found) = whole {
        assert!(found.position <= page.len());
    }
});

fn scan(page: &[u8], piece: usize) -> Option<Found> {
    let mut scanner = Scanner::new(Width::One);
    for piece in page.chunks(piece) {
        if scanner.push(piece) {
            break;
        }
    }
    scanner.finish()
}
