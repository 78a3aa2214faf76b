//! Units of document databases.
