//! `cargo xtask`: verification and chores.
fn main() {}
