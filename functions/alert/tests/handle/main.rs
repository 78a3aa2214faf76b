//! `alert` as a whole, on the in-memory cloud and virtual time: who was told what, after whatever went wrong on the way.

mod crashes;
mod delivery;
mod departed;
mod deployment;
mod lives;
mod storms;
