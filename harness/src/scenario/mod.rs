//! The scenario language: what a file may say, and what is wrong with one that does not read.

pub mod call;
pub mod expect;
pub mod file;
pub mod json;
pub mod layers;
pub mod lint;
pub mod load;
pub mod matrix;
pub mod names;
pub mod node;
pub mod problem;
pub mod read;
pub mod request;
pub mod select;
pub mod shard;
pub mod source;
pub mod status;
pub mod step;
pub mod template;
pub mod text;
pub mod time;
pub mod yaml;
