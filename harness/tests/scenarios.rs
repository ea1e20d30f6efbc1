//! Every scenario file as one test.

fn main() {}
