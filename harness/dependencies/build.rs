//! Builds nothing: with it the dependencies for building have the same features too, whichever room is asked for.

fn main() {}
