//! Checks restored data over SQL.
