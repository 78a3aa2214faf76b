//! Secrets Manager.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use holdfast_domain::SecretName;
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::Tags;
use holdfast_ports::{ITEMS_MAX, Password, PortError, PortErrorKind, ReadSecrets, RoomSecrets};

use crate::error;

/// Secrets in the function's own region.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: Client,
}

impl SecretsManager {
    /// A client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

impl ReadSecrets for SecretsManager {
    async fn secret(&self, name: &SecretName) -> Result<Option<Password>, PortError> {
        const OPERATION: &str = "secretsmanager:GetSecretValue";
        match self.client.get_secret_value().secret_id(name.as_str()).send().await {
            Ok(output) => match output.secret_string {
                Some(text) => Ok(Some(Password::new(text))),
                None => Err(error::incomplete(OPERATION, name.as_str(), "SecretString")),
            },
            Err(failed) => {
                let failed = error::read(OPERATION, name.as_str(), failed);
                if failed.kind == PortErrorKind::NotFound { Ok(None) } else { Err(failed) }
            }
        }
    }
}

impl RoomSecrets for SecretsManager {
    async fn keep(&self, name: &SecretName, value: &Password, tags: &Tags) -> Result<Password, PortError> {
        const OPERATION: &str = "secretsmanager:CreateSecret";
        temporary_only(OPERATION, name)?;
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let request =
            self.client.create_secret().name(name.as_str()).secret_string(value.expose()).set_tags(Some(tags));
        match request.send().await.map_err(|failed| error::read(OPERATION, name.as_str(), failed)) {
            Ok(_) => Ok(value.clone()),
            // Somebody was quicker, or an earlier attempt was cut short: theirs is in force.
            Err(failed) if failed.kind == PortErrorKind::AlreadyExists => {
                let unreadable = || {
                    let message = "it exists, and has no value that can be read yet";
                    PortError::new(PortErrorKind::InvalidState, OPERATION, name.as_str(), message)
                };
                self.secret(name).await?.ok_or_else(unreadable)
            }
            Err(failed) => Err(failed),
        }
    }

    async fn forget(&self, name: &SecretName) -> Result<(), PortError> {
        const OPERATION: &str = "secretsmanager:DeleteSecret";
        temporary_only(OPERATION, name)?;
        // A recovery window would keep the name taken, and the password of a room that is gone has no use.
        let request = self.client.delete_secret().secret_id(name.as_str()).force_delete_without_recovery(true);
        match request.send().await.map_err(|failed| error::read(OPERATION, name.as_str(), failed)) {
            Err(failed) if failed.kind != PortErrorKind::NotFound => Err(failed),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn kept(&self) -> Result<Vec<(SecretName, Tags)>, PortError> {
        const OPERATION: &str = "secretsmanager:ListSecrets";
        let filter = Filter::builder().key(FilterNameStringType::Name).values(TEMPORARY).build();
        let mut pages = self.client.list_secrets().filters(filter).into_paginator().send();
        let mut kept = Vec::new();
        let mut seen_pages = 0;
        while let Some(page) = pages.next().await {
            seen_pages += 1;
            let page = page.map_err(|failed| error::read(OPERATION, TEMPORARY, failed))?;
            for secret in page.secret_list() {
                // The filter matches words within a name too; the prefix is what makes it ours to touch.
                let name = secret.name().filter(|name| name.starts_with(TEMPORARY)).and_then(|name| name.parse().ok());
                let pairs =
                    secret.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
                if let Some(name) = name {
                    kept.push((name, pairs.collect()));
                }
            }
            error::refuse_too_many(OPERATION, TEMPORARY, (kept.len(), ITEMS_MAX), seen_pages)?;
        }
        Ok(kept)
    }
}

/// The first lock; the role's policy is the second.
fn temporary_only(operation: &'static str, name: &SecretName) -> Result<(), PortError> {
    if name.as_str().starts_with(TEMPORARY) {
        return Ok(());
    }
    Err(PortError::new(
        PortErrorKind::Invalid,
        operation,
        name.as_str(),
        format!("only names beginning with {TEMPORARY} are touched"),
    ))
}

#[cfg(test)]
mod tests;
