//! Decoders: each takes a value and gives what it stands for, or nothing where it is not written that way.
//!
//! None of them fails: a value that is not well-formed is simply not opened.

mod binary;
mod structure;
mod text;

pub(super) use binary::{base64, gunzip, hexadecimal};
pub(super) use structure::{Field, form, json, multipart, xml};
pub(super) use text::{entities, escapes, percent};
