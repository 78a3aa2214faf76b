//! The service as its users meet it: through the real AWS SDK and real database connections.

mod backups;
mod bench;
mod clusters;
mod documentdb;
mod events;
mod keys;
mod lifecycle;
mod misfortune;
mod parameters;
mod point_in_time;
mod requests;
mod snapshots;
