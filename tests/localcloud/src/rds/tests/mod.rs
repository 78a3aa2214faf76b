//! The service as its users meet it: through the real AWS SDK and real database connections.

mod bench;
mod events;
mod lifecycle;
mod misfortune;
mod requests;
mod snapshots;
