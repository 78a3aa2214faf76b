//! Wiring of `snapshot`.
fn main() {}
