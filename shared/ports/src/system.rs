//! Time, chance and the bus.

use std::future::Future;

use holdfast_wire::Message;
use jiff::Timestamp;

use crate::{Password, PortError};

/// The only clock.
pub trait Clock: Sync {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// The only source of chance.
pub trait Entropy: Sync {
    /// Sixteen hex digits that no other call ever gave: the writer's nonce of a record.
    fn nonce(&self) -> String;

    /// A new master password: 40 characters, none of those that RDS refuses (`/`, `"`, `@`, space).
    fn password(&self) -> Password;
}

/// The bus on which functions speak to each other.
pub trait Bus: Sync {
    /// Puts messages on the bus, in batches of ten. All arrive, or it is an error and some may have.
    fn announce(&self, messages: &[Message]) -> impl Future<Output = Result<(), PortError>> + Send;
}
