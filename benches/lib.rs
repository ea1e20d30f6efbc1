//! Shared inputs of the benches. All but `edge` and `scenarios` run without `workerd`; what a worker costs end to
//! end is measured by `edgeproof bench`.

/// Text that does not compress, so that `fp-data` made of it is as long as that of a real visit: about 20 KB.
pub fn noise(length: usize) -> String {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(b'!' + (state % 90) as u8)
    };
    std::iter::repeat_with(&mut next)
        .filter(|letter| !matches!(letter, '"' | '\\'))
        .take(length)
        .collect()
}
