//! AWS on one machine: RDS with real PostgreSQL, MiniStack, receivers, and the drill.
