//! `handle` on the in-memory cloud: sweeps, events and requests, whatever comes twice, late, out of order or not at all.

mod by_hand;
mod late;
mod no_good;
mod shop;
mod slots;
mod thousand;
mod watched;
mod year;
