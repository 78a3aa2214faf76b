//! The whole wiring on local clouds. One binary, so that what waits for a schedule or a deadline waits beside what works.

mod clusters;
mod ends;
mod kills;
mod kinds;
mod manners;
mod others;
mod rehearsal;
