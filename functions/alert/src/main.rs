//! Wiring of `alert`.
fn main() {}
