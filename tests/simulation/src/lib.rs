//! Centuries of bad luck: the real `handle` of every function, in virtual time, against the in-memory cloud.
//!
//! ```text
//! seed ─ draw ─> script (plans, lines) ─ life ─> what happened ─ witness ─> what did not hold
//!                   └──────────── shrink: as few lines and resources as still break it
//! ```
//! A life is a *script*: text in which everything stands that goes wrong, and when. Nothing is drawn while it is lived, so the same script is
//! the same life, and one that breaks something is shrunk by taking lines away. docs/simulation.md says what is simulated and what is not.

mod chance;
pub mod draw;
pub mod functions;
mod hands;
mod life;
pub mod misfortune;
mod room;
pub mod script;
pub mod shrink;
mod weather;
pub mod wiring;
mod witness;
mod world;

pub use life::{Counts, Lived, Step, Watcher, live};
pub use witness::twice::End;
pub use witness::{Invariant, Violation};

/// The circuit diagram of this repository.
pub const WIRING: &str = include_str!("../../../infra/wiring.yaml");
