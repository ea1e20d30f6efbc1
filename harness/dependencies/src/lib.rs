//! No code: it depends on everything that some room depends on, so that cargo builds each dependency once, with the same
//! features, whichever room is asked for. Without it `cargo test -p edgeproof-edge` builds half of them anew.
