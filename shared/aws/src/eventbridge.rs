//! The `holdfast` bus.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use holdfast_ports::{Bus, PortError, PortErrorKind};
use holdfast_wire::{Message, SOURCE};

use crate::error;

/// The most entries in one request (source: EventBridge API Reference, `PutEvents`).
const ENTRIES_MAX: usize = 10;

/// A bus in the function's own region, which is the home region.
#[derive(Debug, Clone)]
pub struct EventBridge {
    client: Client,
    bus: String,
}

impl EventBridge {
    /// A bus by name or ARN.
    #[must_use]
    pub fn new(config: &SdkConfig, bus: String) -> Self {
        Self { client: Client::new(config), bus }
    }

    async fn put(&self, batch: &[Message]) -> Result<(), PortError> {
        const OPERATION: &str = "events:PutEvents";
        let entries = batch.iter().map(|message| self.entry(message)).collect();
        let sent = self.client.put_events().set_entries(Some(entries)).send().await;
        let output = sent.map_err(|failed| error::read(OPERATION, &self.bus, failed))?;
        // PutEvents succeeds as a whole even when single entries did not.
        if output.failed_entry_count() == 0 {
            return Ok(());
        }
        let codes: Vec<&str> = output.entries().iter().filter_map(|entry| entry.error_code()).collect();
        let message =
            format!("{} of {} entries failed: {}", output.failed_entry_count(), batch.len(), codes.join(", "));
        Err(PortError::new(PortErrorKind::Unavailable, OPERATION, &self.bus, message))
    }

    fn entry(&self, message: &Message) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(message.detail_type())
            .detail(message.detail().to_string())
            .build()
    }
}

impl Bus for EventBridge {
    async fn announce(&self, messages: &[Message]) -> Result<(), PortError> {
        // A batch that fails does not silence the others: each holds what people must know.
        let mut announced = Ok(());
        for batch in messages.chunks(ENTRIES_MAX) {
            announced = announced.and(self.put(batch).await);
        }
        announced
    }
}

#[cfg(test)]
mod tests;
