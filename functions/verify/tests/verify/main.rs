//! `handle` as a whole: in rooms that are played, and on real servers, whole and damaged: PostgreSQL, and one of documents.

mod compared;
mod copy;
mod detected;
mod detection;
mod documents;
mod kills;
mod parts;
mod played;
mod real;
mod support;
mod undamaged;
