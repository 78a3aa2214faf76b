//! The ledger: what AWS itself cannot hold, as JSON records in S3, written conditionally.
//!
//! One writing function per key prefix:
//!
//! | prefix | writer | holds |
//! |---|---|---|
//! | `plan.json`, `plans/` | deployment | the compiled plan, current and by sha256 |
//! | `recovery-points/` | `snapshot` | one record per resource and slot, and `watch.json`: what it remembers from sweep to sweep |
//! | `restore-tests/` | `restore-test` | one record per run, an empty `open/` marker while it is not closed, and the rooms in use |
//! | `evidence/` | `restore-test` | one chain per resource, a link for every run that was judged; never written over |
//! | `verifications/` | `verify` | one record per run |
//! | `proved/` | `verify` | one record per resource: which verifications a later one may be compared with |
//! | `incidents/` | `alert` | causes, incidents with who was told, an empty `open/` marker while one needs the sweep, heartbeats |
//! | `acknowledgements/` | `acknowledge` | an empty marker per request that was carried out |
//!
//! A record is never deleted here, and never moved backwards: each write names the version it was decided on.

mod evidence;
mod incident;
mod keyed;
mod plans;
mod proved;
mod record;
mod recovery_point;
mod room_parameters;
mod rooms;
mod run;
mod verification;
mod watch;

pub use evidence::{
    Broken, CHECK_LINES_MAX, ChainReport, CheckLine, CheckSummary, EVIDENCE_PREFIX, EVIDENCE_VERSION, Evidence,
    EvidenceChain, EvidenceRef, Found, Link, ObjectivesInForce, PlanRef, Reached, RecoveryPointRecord as EvidencePoint,
    Report, RoomRecord, TREND_MAX, TrendPoint, evidence_key, sha256, verify as verify_evidence,
};
pub use incident::{
    Acknowledgement, CauseRecord, Delivery, DeliveryState, HeartbeatRecord, Incident, IncidentId, IncidentState, Line,
    LineState, OPEN_INCIDENTS_PREFIX, RootRecord, Said, Update, Words, cause_key, heartbeat_key, incident_key,
    incident_of_open_key, open_incident_key, root_key,
};
pub use plans::{PLAN_KEY, PlanStore, plan_key};
pub use proved::{Proved, ProvedEntry, proved_key};
pub use record::{Held, Ledger, LedgerError, Written};
pub use recovery_point::{RecoveryPointRecord, Requested, SizeFrom, recovery_point_key, requested_point_key};
pub use room_parameters::RoomParameters;
pub use rooms::{LateRoom, ROOMS_KEY, RoomsInUse};
pub use run::{
    Capacity, Fingerprint, Maker, OPEN_PREFIX, Phase, RecoveryPoint, Run, RunSource, RunTimes, RunVerdict, SeenBy,
    open_key, run_key, run_of_open_key,
};
pub use verification::{
    CheckRecord, DayObserved, DaysObserved, Observed, OutcomeWord, RangeObserved, RangesObserved, RequirementWord,
    RowsObserved, SERVER_CHECK, Verification, verification_key,
};
pub use watch::{Others, Pending, Served, Told, Took, WATCH_KEY, Watch, WatchStore, Watched};
