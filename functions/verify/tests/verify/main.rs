//! `handle` as a whole: in rooms that are played, and on real PostgreSQL servers, whole and damaged.

mod copy;
mod played;
mod real;
mod support;
