//! Whole lives of restore tests on the in-memory cloud: each alone, and with two invocations at once.

mod alone;
mod clusters;
mod evidence;
mod inert;
mod kills;
mod late;
mod shop;
mod together;
