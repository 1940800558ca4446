//! `uds`: the command line of the index.
fn main() {}
