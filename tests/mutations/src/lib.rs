//! Planted bugs: what the tests and the simulation must find, and whether they do.
//!
//! A bug is a few lines of the decision code with other lines in their place, and a sentence that says which promise it breaks
//! (`planted/*.diff`). Each is put into a copy of the tree, never into the tree itself, and the tests are run there, the cheapest first. A bug
//! that nothing finds is a hole in the tests; it is named, and the command fails.
//!
//! It must not judge a bug by anything but tests that ran: what does not compile proves nothing, and is an error of the list.

pub mod outcome;
pub mod planted;
pub mod report;
pub mod round;
pub mod run;
pub mod tree;
