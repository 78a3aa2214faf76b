//! Secrets: named in plans and records, held only for as long as a call needs them.

use std::fmt;
use std::future::Future;

use holdfast_domain::SecretName;
use holdfast_domain::tags::Tags;

use crate::PortError;

/// A secret text. It prints as `***` and is never part of an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// To read a secret.
pub trait ReadSecrets: Sync {
    /// The secret's current text, or `None` if there is no such secret.
    fn secret(&self, name: &SecretName) -> impl Future<Output = Result<Option<Password>, PortError>> + Send;
}

/// To keep a room's secret for as long as the room. Implementations refuse names that do not begin with `hf-rt-`.
pub trait RoomSecrets: Sync {
    /// Creates the secret unless there is one of that name, and gives the one in force: the first, whoever kept it.
    ///
    /// Two at once, or one that was cut short and repeats, thus give a room the same password.
    ///
    /// # Errors
    /// `InvalidState` if there is one and its value cannot be read yet.
    fn keep(
        &self,
        name: &SecretName,
        value: &Password,
        tags: &Tags,
    ) -> impl Future<Output = Result<Password, PortError>> + Send;

    /// Deletes the secret at once, without a recovery window. One that is not there is forgotten already.
    fn forget(&self, name: &SecretName) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Every room secret there is, by name, with its tags; for the reaper.
    fn kept(&self) -> impl Future<Output = Result<Vec<(SecretName, Tags)>, PortError>> + Send;
}
