//! `cargo drill --from`: the same rehearsal with a copy of the user's own database.
//!
//! The source is never written: our sessions are read-only, no slot and no object is made there. The copy is inert from before its
//! first start, private, on the loopback address alone, and removed at the end. The address's password is shown nowhere.

mod choice;
mod logical;
mod machine;
mod physical;
mod programs;
mod source;
mod source_url;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;

use self::choice::{Choice, Here, Replication};
use self::logical::Programs;
use self::programs::{Clients, Connection};
use self::source::Source;
use self::source_url::SourceUrl;
use self::words::bytes;
use super::Request;
use super::plan::{due_next_minute, instance};
use super::rehearse::{self, Rehearsed};
use super::report::Copied;
use super::second_opinion::rds_region;
use super::stage::{Spinner, Stage};
use crate::cloud::LocalCloud;
use crate::postgres::{Binaries, Handover, Login, MasterUser, Search, end_prepared_transactions, join_all_roles};
use crate::rds::{Adoption, InstanceId};
use crate::zips::Package;

pub use source_url::{Typed, has_misplaced_address};

/// The template, a plan but for `{cron}` and `{deadline}`.
const TEMPLATE: &str = include_str!("../../plans/own.yaml");
/// The role that stands in for RDS's master user in a physical copy. Not a name that a source's own role has.
const MASTER: &str = "holdfast_drill_master";
/// Nobody logs in with it but Holdfast, which sets its own; the copy listens on the loopback address, for minutes.
const MASTER_PASSWORD: &str = "local-drill-only";
/// Backend types of a server that nobody works with. Whatever else runs in a copy acts by itself.
const ORDINARY_BACKENDS: &str = "'client backend', 'background writer', 'checkpointer', 'walwriter', 'startup', \
     'autovacuum launcher', 'autovacuum worker', 'parallel worker', 'io worker', 'slotsync worker'";

/// A source that was examined, and how it is going to be copied. Nothing was copied yet.
#[derive(Debug)]
pub(super) struct Examined {
    url: SourceUrl,
    connection: Connection,
    source: Source,
    here: Here,
    choice: Choice,
    bindir: PathBuf,
}

impl Examined {
    /// The one server version that the copy can run under.
    pub(super) fn version_major(&self) -> u32 {
        self.source.version_major()
    }

    fn data_bytes(&self) -> u64 {
        match self.choice {
            Choice::Physical => self.source.cluster_bytes,
            Choice::Logical { .. } => self.source.database_bytes,
        }
    }

    /// From a due minute until a run is closed: the sample's two minutes, and four more for every GiB, which a disk of 50 MB/s needs to
    /// write it three times and read it several times.
    fn patience(&self) -> Duration {
        Duration::from_secs(120 + 240 * self.data_bytes().div_ceil(1 << 30))
    }

    fn plan(&self) -> String {
        TEMPLATE.replace("{deadline}", &format!("{}m", self.patience().as_secs().div_ceil(60)))
    }

    /// What the copy has that the source does not, or the other way round, and a verdict may turn on.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.choice == Choice::Physical && !self.here.extensions_missing.is_empty() {
            let names = self.here.extensions_missing.join(", ");
            notes.push(format!("the extension {names} is not installed here: checks that need its code cannot run"));
        }
        if self.choice != Choice::Physical && !self.here.has_locale {
            notes.push(format!(
                "the locale {} is not installed here: the copy sorts text bytewise",
                self.source.database.collate
            ));
        }
        if self.choice != Choice::Physical {
            notes.push("a logical copy has new pages and indexes: it proves that the data can be read and restored, not the source's files".into());
        }
        notes
    }
}

/// Looks at the source and at this machine, and decides how to copy.
///
/// # Errors
/// When the source cannot be reached, or cannot be copied; one line says what is missing.
pub(super) async fn examine(typed: &Typed, request: &Request, stage: &mut Stage) -> Result<Examined> {
    let url = SourceUrl::read(typed)?;
    stage
        .step("your database examined", async |_| {
            let connection = Connection::to_source(&url)?;
            let psql = Clients::any_psql()?;
            let source = Source::ask(&connection, &psql).await.with_context(|| format!("cannot examine {url}"))?;
            let want_major = Some(source.version_major());
            let search = Search { want_major, cache_dir: crate::venv::cache_dir().ok(), install: request.install };
            let binaries = tokio::task::spawn_blocking(move || Binaries::find(&search)).await??;
            let replication = if source.may_replicate {
                source::replication(&connection, &psql)
                    .await
                    .map_or_else(Replication::Refused, |()| Replication::Allowed)
            } else {
                Replication::NotAsked
            };
            let here = machine::look(&binaries, &source, &machine::directory())?;
            let choice =
                choice::choose(&source, &replication, &here).with_context(|| format!("{url} cannot be copied"))?;
            let words = format!("{url}, PostgreSQL {}, {}", source.version(), bytes(source.database_bytes));
            Ok((Examined { url: url.clone(), connection, source, here, choice, bindir: binaries.bindir }, words))
        })
        .await
}

/// Copies, and rehearses with the copy: snapshot on schedule, restore test, verdict.
///
/// # Errors
/// When it cannot be carried through. A verdict, whichever it is, is no error.
pub(super) async fn rehearse(
    examined: &Examined,
    cloud: &mut LocalCloud,
    packages: &BTreeMap<String, Package>,
    stage: &mut Stage,
) -> Result<(Rehearsed, Copied)> {
    let copied = copied(examined, cloud, stage).await?;
    let (within, template) = (examined.patience(), examined.plan());
    let taken = rehearse::snapshots(cloud, packages, &template, within, stage).await?;
    let runs = stage
        .step("restore test run", async |spinner| {
            let runs = rehearse::watch(cloud, &taken, within, spinner).await?;
            Ok((runs, rehearse::all_closed(&taken)))
        })
        .await?;
    let rehearsals = rehearse::rehearsals(cloud, &taken.plan, &runs).await?;
    rehearse::show(&rehearsals, stage);
    let alerts = match rehearsals.iter().find(|rehearsal| rehearsal.verdict != "passed") {
        Some(rehearsal) => {
            stage.step("people told", async |_| rehearse::alerts(cloud, &rehearsal.resource).await).await?
        }
        None => rehearse::arrived(cloud),
    };
    rehearse::nothing_was_lost(cloud, stage).await?;
    Ok(((rehearsals, None, alerts), copied))
}

/// Makes the copy a local RDS instance.
async fn copied(examined: &Examined, cloud: &LocalCloud, stage: &mut Stage) -> Result<Copied> {
    let began = Instant::now();
    let (method, why) = match &examined.choice {
        Choice::Physical => ("physical", "pg_basebackup, all databases".to_owned()),
        Choice::Logical { because } => ("logical", because.clone()),
    };
    let (bytes_copied, ended) = stage
        .step("your data copied", async |spinner| {
            let (plan, _) = due_next_minute(&examined.plan(), Timestamp::now())?;
            let resource = plan.plan().resources.values().next().context("the plan has a resource")?;
            let place = Place { region: resource.region.clone(), id: instance(resource)?.clone() };
            // Beside the instances, so that a finished copy is moved and not copied again. Private: it is made with mode 0700.
            let scratch = tempfile::tempdir_in(cloud.work_dir()).context("cannot make a private directory")?;
            let made = match &examined.choice {
                Choice::Physical => copy_physically(examined, cloud, &place, scratch.path(), spinner).await?,
                Choice::Logical { .. } => copy_logically(examined, cloud, &place, scratch.path(), spinner).await?,
            };
            let admin = cloud.rds.admin_login(&rds_region(&place.region), &InstanceId::parse(place.id.as_str())?)?;
            refuse_strangers(&admin).await?;
            join_all_roles(&admin, &made.master).await?;
            let ended = end_prepared_transactions(&admin).await?;
            Ok(((made.bytes, ended), format!("{method}: {}, {why}", bytes(made.bytes))))
        })
        .await?;
    let mut notes = examined.notes();
    if ended > 0 {
        notes.push(format!(
            "prepared transactions that were rolled back in the copy, as nobody will end them there: {ended}"
        ));
    }
    for words in &notes {
        stage.note("to know", words);
    }
    Ok(Copied {
        source: examined.url.to_string(),
        postgresql: examined.source.version().into(),
        method: method.into(),
        why,
        bytes: bytes_copied,
        seconds: began.elapsed().as_secs_f64(),
        notes,
    })
}

/// Where the copy becomes an instance.
struct Place {
    region: holdfast_domain::Region,
    id: holdfast_domain::DbInstanceId,
}

/// A copy that is an instance.
struct Made {
    bytes: u64,
    /// Its master user.
    master: String,
}

async fn copy_physically(
    examined: &Examined,
    cloud: &LocalCloud,
    place: &Place,
    scratch: &Path,
    spinner: &Spinner,
) -> Result<Made> {
    let program = Clients::beside(&examined.bindir).find("pg_basebackup").context("pg_basebackup is gone")?;
    let data_dir = scratch.join("data");
    let checkpoint = choice::checkpoint(&examined.source);
    let bytes_copied =
        physical::copy(&examined.connection, &program, checkpoint, &data_dir, |words| spinner.say(words)).await?;
    spinner.say("starting the copy");
    let (region, id) = (rds_region(&place.region), InstanceId::parse(place.id.as_str())?);
    let adoption = Adoption {
        id: id.clone(),
        data_dir,
        handover: Handover::Move,
        master: MasterUser { name: MASTER.into(), password: MASTER_PASSWORD.into() },
        db_name: Some(examined.source.database.name.clone()),
        tags: BTreeMap::new(),
    };
    cloud.rds.create_from_data_dir(&region, adoption)?;
    match cloud.available_within(&place.region, &place.id, examined.patience()).await {
        Ok(()) => Ok(Made { bytes: bytes_copied, master: MASTER.into() }),
        Err(error) => match cloud.rds.failure(&region, &id) {
            Some(reason) => bail!("the copy does not start: {reason}"),
            None => Err(error),
        },
    }
}

async fn copy_logically(
    examined: &Examined,
    cloud: &LocalCloud,
    place: &Place,
    scratch: &Path,
    spinner: &Spinner,
) -> Result<Made> {
    let clients = Clients::beside(&examined.bindir);
    let programs = Programs {
        pg_dump: clients.find("pg_dump").context("pg_dump is gone")?,
        pg_restore: clients.find("pg_restore").context("pg_restore is gone")?,
    };
    let say = |words: &str| spinner.say(words);
    logical::dump(&examined.connection, &programs, &examined.source, scratch, say).await?;
    let owner = cloud.create_database(&place.region, &place.id, "postgres").await?.user;
    let admin = cloud.rds.admin_login(&rds_region(&place.region), &InstanceId::parse(place.id.as_str())?)?;
    logical::restore(&admin, &programs, &examined.source, (&owner, examined.here.has_locale), scratch, say).await?;
    Ok(Made { bytes: examined.source.database_bytes, master: owner })
}

/// Whether anything runs in the copy that no server needs: a scheduler, an archiver, somebody's replication.
async fn refuse_strangers(admin: &Login) -> Result<()> {
    let question = format!(
        "select coalesce(string_agg(distinct backend_type, ', '), '') from pg_stat_activity where backend_type not in ({ORDINARY_BACKENDS})"
    );
    let strangers: String = admin.connect().await?.query_one(&question, &[]).await?.get(0);
    if strangers.is_empty() { Ok(()) } else { bail!("the copy is not inert, it runs: {strangers}") }
}
