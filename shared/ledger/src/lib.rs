//! The ledger: what AWS itself cannot hold, as JSON records in S3, written conditionally.
//!
//! One writing function per key prefix:
//!
//! | prefix | writer | holds |
//! |---|---|---|
//! | `plan.json`, `plans/` | deployment | the compiled plan, current and by sha256 |
//! | `recovery-points/` | `snapshot` | one record per resource and slot |
//! | `restore-tests/` | `restore-test` | one record per run, and an empty `open/` marker while it is not closed |
//! | `verifications/` | `verify` | one record per run |
//! | `incidents/` | `alert` | one record per cause |
//!
//! A record is never deleted here, and never moved backwards: each write names the version it was decided on.

mod incident;
mod plans;
mod record;
mod recovery_point;
mod run;
mod verification;

pub use incident::{Delivery, DeliveryState, Incident, IncidentState, incident_key};
pub use plans::{PLAN_KEY, PlanStore, plan_key};
pub use record::{Held, Ledger, LedgerError, Written};
pub use recovery_point::{RecoveryPointRecord, recovery_point_key};
pub use run::{OPEN_PREFIX, Phase, Run, RunSource, RunTimes, RunVerdict, open_key, run_key, run_of_open_key};
pub use verification::{CheckRecord, OutcomeWord, RequirementWord, Verification, verification_key};
