//! The whole wiring on the local cloud.
