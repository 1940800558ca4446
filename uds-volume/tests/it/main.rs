//! What the crate promises as a whole.

mod chapters;
mod corruption;
mod faults;
mod files;
mod parts;
mod probing;
mod readers;
mod support;
mod threads;
