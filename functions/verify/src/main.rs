//! Wiring of `verify`.
fn main() {}
