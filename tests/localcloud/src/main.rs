//! `cargo drill`.
fn main() {}
