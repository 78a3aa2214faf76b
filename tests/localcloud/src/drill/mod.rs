//! The drill: a whole recovery rehearsed on this machine, and shown.
//!
//! It acts only as a platform team would: it makes databases through the RDS API, writes a plan, deploys it, and then watches. What starts
//! Holdfast's functions is the plan's schedule and the wiring, never the drill.

mod own;
mod plan;
mod rehearse;
mod report;
mod second_opinion;
mod stage;
mod up;

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::build::{Profile, Progress};
use crate::cloud::{LocalCloud, Options};
use crate::postgres::{Binaries, Search};
use crate::zips::Package;

pub use own::{Typed, has_misplaced_address};
pub use report::{Report, Step};
pub use stage::Stage;
pub use up::{Environment, up};

/// What a drill is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Build the functions as they are deployed, with every optimisation.
    pub release: bool,
    /// Install PostgreSQL with the system's package manager if there is none.
    pub install: bool,
    /// The one acceptable major version of PostgreSQL.
    pub want_major: Option<u32>,
    /// The address of a database to rehearse with, in place of sample data.
    pub from: Option<Typed>,
}

impl Request {
    fn profile(&self) -> Profile {
        if self.release { Profile::Release } else { Profile::Dev }
    }
}

/// Finds PostgreSQL, builds the functions, and starts the local cloud. Returns it with the zips of the functions.
///
/// # Errors
/// When a part is missing; the message says what to do.
pub async fn raise(request: &Request, stage: &mut Stage) -> Result<(LocalCloud, BTreeMap<String, Package>)> {
    let profile = request.profile();
    let search =
        Search { want_major: request.want_major, cache_dir: crate::venv::cache_dir().ok(), install: request.install };
    let binaries = stage
        .step("PostgreSQL found", async |_| {
            let found = tokio::task::spawn_blocking(move || Binaries::find(&search)).await??;
            let words = format!("{} in {}", found.version_text, found.bindir.display());
            Ok((found, words))
        })
        .await?;
    stage
        .step("functions built", async |spinner| {
            let spinner = spinner.clone();
            let built = tokio::task::spawn_blocking(move || {
                LocalCloud::packages("", profile, |Progress::Compiled { packages, name }| {
                    spinner.say(&format!("{packages} crates, {name}"));
                })
            });
            let packages = built.await??;
            Ok(((), format!("{} Lambda zips", packages.len())))
        })
        .await?;
    let cloud = stage
        .step("local cloud started", async |_| {
            let cloud = LocalCloud::start(Options { profile, ..Options::new(binaries) }).await?;
            let words = format!("{}, RDS at {}", cloud.endpoint.url(), cloud.rds.endpoint());
            Ok((cloud, words))
        })
        .await?;
    let ca_pem = cloud.rds.ca_pem().to_owned();
    // Again, now with the certificate authority of this cloud inside; nothing is compiled twice.
    let packages = tokio::task::spawn_blocking(move || LocalCloud::packages(&ca_pem, profile, |_| {})).await??;
    Ok((cloud, packages))
}

/// Rehearses, and ends everything that it started, whatever comes of it.
///
/// # Errors
/// When the rehearsal could not be carried through. A rehearsal that was carried through and misbehaved is a report that is not ok.
pub async fn run(request: &Request, stage: &mut Stage) -> Result<Report> {
    let began = Instant::now();
    // One listener for the whole time: between two, a signal would be lost.
    let mut interrupted = pin!(interrupted());
    let (own, mut cloud, packages) = tokio::select! {
        prepared = prepare(request, stage) => prepared?,
        () = &mut interrupted => bail!("interrupted before the local cloud was up; everything that was started is ended"),
    };
    let rehearsed = async {
        match &own {
            None => Ok((rehearse::both_legs(&mut cloud, &packages, stage).await?, None)),
            Some(examined) => {
                let (rehearsed, copied) = own::rehearse(examined, &mut cloud, &packages, stage).await?;
                Ok((rehearsed, Some(copied)))
            }
        }
    };
    let rehearsed = tokio::select! {
        rehearsed = rehearsed => rehearsed,
        () = &mut interrupted => Err(anyhow!("interrupted; everything that was started is ended")),
    };
    let calls = cloud.recorder.summary();
    let postgres = cloud.binaries().version_text.clone();
    let ended = cloud.shutdown().await.context("the local cloud did not end in order");
    let ((rehearsals, second_opinion, alerts), copied) = rehearsed?;
    ended?;
    stage.note("local cloud ended", "no process, port or directory is left");
    let report = Report::new(stage.steps(), rehearsals, second_opinion, alerts, calls, postgres, began.elapsed());
    Ok(Report { copied, ..report })
}

/// A database of the user's own is looked at first: whether it can be copied at all is known in a second, a build takes minutes.
async fn prepare(
    request: &Request,
    stage: &mut Stage,
) -> Result<(Option<own::Examined>, LocalCloud, BTreeMap<String, Package>)> {
    let own = match &request.from {
        Some(typed) => Some(own::examine(typed, request, stage).await?),
        None => None,
    };
    let want_major = own.as_ref().map(own::Examined::version_major).or(request.want_major);
    let (cloud, packages) = raise(&Request { want_major, ..request.clone() }, stage).await?;
    Ok((own, cloud, packages))
}

/// Ends when somebody presses Ctrl-C or asks the process to end.
pub async fn interrupted() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
