//! Wiring of `restore-test`.
fn main() {}
