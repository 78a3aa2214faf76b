//! The functions, each by its real `handle`. A further one is an arm in each `match` here, and a port in [`crate::hands`] if it needs a new one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use holdfast_ledger::PlanStore;
use holdfast_ports::{Class, Classified};
use jiff::SignedDuration;
use restore_test::step::Patience;
use restore_test::{Config, SecurityGroups};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hands::Hands;

/// A function that is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// Takes recovery points.
    Snapshot,
    /// Opens rooms.
    RestoreTest,
    /// Checks what is in them.
    Verify,
    /// Tells people.
    Alert,
    /// Hears people.
    Acknowledge,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 5] = [Self::Snapshot, Self::RestoreTest, Self::Verify, Self::Alert, Self::Acknowledge];

    /// Its name in the circuit diagram.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::RestoreTest => "restore-test",
            Self::Verify => "verify",
            Self::Alert => "alert",
            Self::Acknowledge => "acknowledge",
        }
    }

    /// This one and no other.
    pub(crate) fn alone(self) -> &'static [Self] {
        match self {
            Self::Snapshot => &[Self::Snapshot],
            Self::RestoreTest => &[Self::RestoreTest],
            Self::Verify => &[Self::Verify],
            Self::Alert => &[Self::Alert],
            Self::Acknowledge => &[Self::Acknowledge],
        }
    }

    /// The function of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }
}

/// The secret with which `acknowledge` checks who asks.
pub(crate) const ACKNOWLEDGE_SECRET: &str = "holdfast/acknowledge";

/// How long `verify` may be silent, as `infra/wiring.yaml` sets it.
pub(crate) const PATIENCE: SignedDuration = SignedDuration::from_mins(16);

/// What a warm container keeps from one invocation to the next.
pub(crate) enum Warm {
    Snapshot(Box<snapshot::Kept>),
    RestoreTest(PlanStore, Box<Config>),
    Verify(PlanStore),
    Alert(Box<alert::Memory>),
    Acknowledge,
}

impl Warm {
    /// A container that has just started.
    pub(crate) fn cold(function: Function) -> Self {
        match function {
            Function::Snapshot => Self::Snapshot(Box::default()),
            Function::RestoreTest => Self::RestoreTest(PlanStore::default(), Box::new(config())),
            Function::Verify => Self::Verify(PlanStore::default()),
            Function::Alert => {
                let archive = alert::Archive { bucket: "holdfast-ledger".into(), region: "eu-west-1".into() };
                Self::Alert(Box::new(alert::Memory::of("holdfast-alert", archive).with_button(true)))
            }
            Function::Acknowledge => Self::Acknowledge,
        }
    }
}

fn config() -> Config {
    let groups = SecurityGroups::read(&["sg-sealed".to_owned()]);
    let Ok(security_groups) = groups else { unreachable!("one group for all regions is legal") };
    Config {
        subnet_group: "clean-room".into(),
        security_groups,
        parameter_group: None,
        option_group: None,
        patience: Patience(PATIENCE),
        written_by: "restore-test, simulated".into(),
    }
}

/// Why an invocation failed, as Lambda's destination has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) error_type: &'static str,
    pub(crate) message: String,
}

impl Failed {
    /// Whether the container ended, and not the function with an answer.
    pub(crate) fn of_the_container(&self) -> bool {
        !self.error_type.starts_with("Holdfast.")
    }
}

/// An invocation under way. Each poll goes on to its next call.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<(), Failed>>>>;

fn failed(error: &impl Classified) -> Failed {
    let error_type = match error.class() {
        Class::Transient => "Holdfast.Transient",
        Class::Permanent => "Holdfast.Permanent",
    };
    Failed { error_type, message: error.to_string() }
}

/// Starts a function as its `main` does.
pub(crate) fn invoke(warm: Arc<Warm>, hands: Hands, payload: Arc<Value>, left: Duration) -> Running {
    Box::pin(async move {
        let hands = &hands;
        if let Warm::Acknowledge = &*warm {
            return acknowledge(hands, &payload).await;
        }
        let read = holdfast_wire::read(&payload);
        let trigger = read.map_err(|error| Failed { error_type: "Holdfast.Malformed", message: error.to_string() })?;
        match &*warm {
            Warm::Snapshot(kept) => {
                let ports = snapshot::Ports { objects: hands, rds: hands, bus: hands, system: hands };
                snapshot::handle(&ports, kept, &trigger, left).await.map(drop).map_err(|error| failed(&error))
            }
            Warm::RestoreTest(plans, config) => {
                let ports =
                    restore_test::Ports { objects: hands, rds: hands, secrets: hands, bus: hands, system: hands };
                restore_test::handle(&ports, plans, config, &trigger).await.map(drop).map_err(|error| failed(&error))
            }
            Warm::Verify(plans) => {
                let ports = verify::Ports {
                    objects: hands,
                    secrets: hands,
                    bus: hands,
                    system: hands,
                    door: hands,
                    connections: 4,
                };
                verify::handle(&ports, plans, &trigger, left).await.map(drop).map_err(|error| failed(&error))
            }
            Warm::Alert(memory) => {
                let ports = alert::Ports {
                    objects: hands,
                    system: hands,
                    secrets: hands,
                    webhooks: hands,
                    mail: hands,
                    fallback: hands,
                };
                alert::handle(&ports, memory, &trigger).await.map(drop).map_err(|error| failed(&error))
            }
            Warm::Acknowledge => Ok(()),
        }
    })
}

async fn acknowledge(hands: &Hands, payload: &Value) -> Result<(), Failed> {
    let words = |message: String| Failed { error_type: "Holdfast.Malformed", message };
    let request: acknowledge::Request = Deserialize::deserialize(payload).map_err(|error| words(format!("{error}")))?;
    let secret = ACKNOWLEDGE_SECRET.parse().map_err(|error| words(format!("{error}")))?;
    let ports = acknowledge::Ports { objects: hands, system: hands, secrets: hands, bus: hands };
    let answer = acknowledge::handle(&ports, &secret, &request).await;
    if answer.status < 500 { Ok(()) } else { Err(words(format!("it answered {}", answer.status))) }
}
