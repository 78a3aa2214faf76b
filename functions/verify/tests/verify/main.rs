//! `handle` as a whole: in rooms that are played, and on real PostgreSQL servers, whole and damaged.

mod compared;
mod copy;
mod detected;
mod detection;
mod kills;
mod parts;
mod played;
mod real;
mod support;
mod undamaged;
