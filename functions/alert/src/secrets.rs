//! Secrets that were read before, kept in memory for as long as their service takes them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use holdfast_domain::SecretName;
use holdfast_ports::{Password, PortError, ReadSecrets};

/// Secrets in memory. One for the life of the process: an alert must not cost a call to Secrets Manager each time, nor
/// fail with it.
#[derive(Debug, Default)]
pub struct KnownSecrets {
    known: Mutex<BTreeMap<SecretName, Password>>,
}

impl KnownSecrets {
    /// The secret as it is known.
    pub(crate) fn known(&self, name: &SecretName) -> Option<Password> {
        self.lock().get(name).cloned()
    }

    /// The secret as it is now. `None` if there is none; then none is known any more either.
    pub(crate) async fn read(
        &self,
        secrets: &impl ReadSecrets,
        name: &SecretName,
    ) -> Result<Option<Password>, PortError> {
        let current = secrets.secret(name).await?;
        match &current {
            Some(secret) => self.lock().insert(name.clone(), secret.clone()),
            None => self.lock().remove(name),
        };
        Ok(current)
    }

    /// A poisoned lock means that another thread panicked between two assignments; the map is whole all the same.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SecretName, Password>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
