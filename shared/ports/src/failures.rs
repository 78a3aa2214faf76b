//! Failures kept for the end: one failed item never silences the others.

use std::error::Error;
use std::fmt;

use crate::{Class, PortError};

/// An error that knows whether trying again can help.
pub trait Classified: Error {
    /// Whether trying again can help.
    fn class(&self) -> Class;
}

impl Classified for PortError {
    fn class(&self) -> Class {
        self.class()
    }
}

/// What failed while the rest went on, in order.
#[derive(Debug, Default)]
pub struct Failures {
    items: Vec<(String, Class)>,
}

impl Failures {
    /// Keeps one failure, its whole chain of causes in words.
    pub fn keep(&mut self, about: impl fmt::Display, error: &dyn Classified) {
        let mut words = format!("{about}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            words.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        self.items.push((words, error.class()));
    }

    /// All of them as one error, or none.
    ///
    /// # Errors
    /// Itself, if anything failed.
    pub fn finish(self) -> Result<(), Self> {
        if self.items.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.items.iter().map(|(words, _)| words.as_str()).collect();
        write!(f, "{} failed: {}", words.len(), words.join("; "))
    }
}

impl Error for Failures {}

impl Classified for Failures {
    /// Transient if trying again can help any of them.
    fn class(&self) -> Class {
        let transient = self.items.iter().any(|(_, class)| *class == Class::Transient);
        if transient { Class::Transient } else { Class::Permanent }
    }
}
