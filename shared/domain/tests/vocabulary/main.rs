//! The words that everything else is written in: which names are legal, what a tag says, what RDS's words mean. One table for each.

mod inventory;
mod names;
mod plan;
mod tags;
mod words;
