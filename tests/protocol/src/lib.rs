//! The protocol between `restore-test`, `verify` and the ledger, explored exhaustively: every order in which the calls of two invocations
//! can come, with an invocation killed at any point, any answer lost, any message doubled, time passing at any moment.
//!
//! # What is real, and what is a model
//! Decisions are the functions' own: `book` hands small numbers to the real `step::step`, `rooms::give` and `reap`, and takes small numbers
//! back. The world (`world`) is a model: one run, its records under conditional writes, its room as RDS shows it, its secret and parameter
//! group, the bus. So are the two programs (`tester`, `verifier`): the calls in the order in which `observe.rs`, `act.rs` and `verify`'s
//! `handle` make them. That they do make them so is held by `faithful`: the model follows whole lives of the real `handle`s on the in-memory
//! cloud, cut short after every call and with answers lost, call by call and record by record.
//!
//! Running the real `handle`s under a scheduler of our own needs no model, and is done where that is affordable
//! (`functions/restore-test/tests/lives/together.rs`, by chance). It cannot be done exhaustively: a suspended future has no hash, so that two
//! orders which come to the same cannot be seen to be the same; replaying each from its answers costs milliseconds, and there are millions.
//!
//! The enumerator (`explore`) is a hundred lines of our own. stateright 0.31 (MIT) would bring a dozen crates, an HTTP server among them, and not
//! the one question that matters most here: *can the good end still be reached from every state?* Its `eventually` is asked of single paths
//! and, as its documentation says, does not see cycles; and sweeps that change nothing are cycles.
//!
//! # What is not in it
//! More than one run: that two runs never have more rooms than there are is shown by `together.rs`. More than two invocations at once. A room
//! that RDS gives up on. What the checks say of damaged data: the copy is sound, so that *passed* is told apart from all else. An invocation
//! may live as long as it likes, which on AWS no one does; what holds here holds there.
#![cfg(test)]

mod book;
mod compiler;
mod explore;
mod faithful;
mod lives;
mod model;
mod planted;
mod tester;
mod verifier;
mod words;
mod world;
