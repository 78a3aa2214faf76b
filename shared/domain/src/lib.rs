//! Vocabulary and policy of Holdfast: pure, without serde and without I/O.
