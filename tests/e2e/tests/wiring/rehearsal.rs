//! What Holdfast is for: every recovery point is proved or failed, people hear of it, and what is not ours stays as it was.
//!
//! One local cloud for all of it, and everything at once: each database has its own fate, and none may disturb another's.

use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_domain::Verdict;
use holdfast_e2e::{Database, Draft, Look, RUN_WITHIN, Site, all_hold, cargo, eventually};
use holdfast_ledger::RecoveryPoint;
use holdfast_localcloud::cloud::SIGNING_KEY;
use holdfast_localcloud::deploy::Letter;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

/// A database whose recovery point is sound.
const SOUND: &str = "sound-db";
/// One whose recovery point loses a page.
const DAMAGED: &str = "damaged-db";
/// One whose recovery point's name is taken by something that is not ours.
const TAKEN: &str = "taken-db";
/// What somebody wishes to have tested, and the plan does not know.
const UNKNOWN: &str = "no-such-db";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recovery_point_is_proved_or_people_hear_why_not() -> Result<()> {
    let draft = Draft::due_now([SOUND, DAMAGED, TAKEN].map(Database::named));
    let mut site = Site::raise(&draft, |_| {}).await?;
    let prepared = async {
        site.damage_next_snapshot(DAMAGED)?;
        take_the_name(&site).await?;
        site.deploy().await
    };
    let outcome = match prepared.await {
        Ok(()) => {
            all_hold(vec![
                ("a sound copy passes, is measured, and nobody is woken", a_sound_copy_passes(&site).boxed_local()),
                ("a damaged copy fails, and people hear which table", a_damaged_copy_fails(&site).boxed_local()),
                (
                    "a snapshot that is not ours is told of and left alone",
                    what_is_not_ours_is_left_alone(&site).boxed_local(),
                ),
                (
                    "what cannot be read is kept with its reason, and told",
                    what_cannot_be_read_is_kept(&site).boxed_local(),
                ),
                (
                    "a wish that cannot be met is answered with what there is",
                    an_unknown_resource_is_answered(&site).boxed_local(),
                ),
                (
                    "a restore test by hand is made once for each request",
                    a_test_by_hand_is_made_once(&site).boxed_local(),
                ),
            ])
            .await
        }
        Err(error) => Err(error),
    };
    let outcome = match outcome {
        Ok(()) => afterwards(&site).await,
        Err(error) => Err(error),
    };
    site.end(outcome).await
}

/// Somebody makes a snapshot under the very name that ours will have. Without our tags it is not ours.
async fn take_the_name(site: &Site) -> Result<()> {
    let call = site.cloud.rds_client(site.region()).create_db_snapshot();
    call.db_instance_identifier(TAKEN).db_snapshot_identifier(site.snapshot_id(TAKEN)?.as_str()).send().await?;
    eventually("somebody's snapshot is available", RUN_WITHIN, async || {
        let seen = site.snapshots().await?;
        Ok(Look::at(seen.iter().any(|snapshot| snapshot.status() == Some("available")), || format!("{seen:?}")))
    })
    .await
}

async fn a_sound_copy_passes(site: &Site) -> Result<()> {
    let run = site.ends_in(SOUND, Verdict::Passed).await?;
    let times = &run.times;
    let order = [
        Some(run.source.taken_at),
        Some(run.requested_at),
        times.restore_accepted_at,
        times.available_at,
        times.ready_at,
        times.first_query_at,
        times.fully_read_at,
        times.verified_at,
        times.judged_at,
        times.closed_at,
    ];
    ensure!(order.iter().all(Option::is_some) && order.is_sorted(), "every phase has its time, in order: {order:?}");
    ensure!(run.recovery_time().is_some_and(|time| time.is_positive()), "a recovery time was measured");
    // The answer to a wish for another resource names this one among those that there are.
    let woken: Vec<String> = site.slack(SOUND).into_iter().filter(|line| !line.contains(UNKNOWN)).collect();
    ensure!(woken.is_empty(), "{woken:?}");
    Ok(())
}

async fn a_damaged_copy_fails(site: &Site) -> Result<()> {
    let run = site.ends_in(DAMAGED, Verdict::Failed).await?;
    let reasons = run.verdict.map(|verdict| verdict.reasons).unwrap_or_default();
    ensure!(reasons.iter().any(|reason| reason.contains("orders")), "the damaged table is named: {reasons:?}");
    let words = format!("the restore test of {DAMAGED} failed");
    site.people_hear(&site.cause(DAMAGED, "restore-test")?, &words).await?;
    ensure!(site.slack(&words).len() == 1, "told once: {:?}", site.slack(&words));
    somebody_takes_care(site, &format!("{}/1", site.cause(DAMAGED, "restore-test")?)).await
}

/// Somebody presses the button under the message. Nobody else can, and nobody twice.
async fn somebody_takes_care(site: &Site, incident: &str) -> Result<()> {
    let now = Timestamp::now().as_second();
    for (key, at, status) in
        [("a-strangers-key", now, 401), (SIGNING_KEY, now - 301, 401), (SIGNING_KEY, now, 200), (SIGNING_KEY, now, 409)]
    {
        let pressed = button(incident, key, at)?;
        let answer = site.cloud.deployed.answer(&site.cloud.endpoint, "acknowledge", &pressed).await?;
        ensure!(answer["statusCode"] == status, "{status} is wanted: {answer}");
    }
    eventually("PagerDuty hears that somebody takes care", RUN_WITHIN, async || {
        let received = site.cloud.receivers.pagerduty().received();
        let heard = received
            .iter()
            .any(|event| event.body["dedup_key"] == incident && event.body["event_action"] == "acknowledge");
        Ok(Look::at(heard, || format!("{} events", received.len())))
    })
    .await
}

/// What a function URL makes of Slack's request (Slack API, "Verifying requests from Slack"; "block_actions payload").
fn button(incident: &str, key: &str, at: i64) -> Result<Value> {
    let payload = json!({
        "type": "block_actions",
        "user": { "id": "U1", "name": "jane doe" },
        "actions": [{ "action_id": "holdfast-acknowledge", "value": incident }],
    });
    let encoded: String = payload.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("payload={encoded}");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())?;
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(json!({
        "version": "2.0",
        "rawPath": "/slack",
        "headers": {
            "x-slack-request-timestamp": at.to_string(),
            "x-slack-signature": format!("v0={signature}"),
        },
        "body": body,
        "isBase64Encoded": false,
    }))
}

async fn what_is_not_ours_is_left_alone(site: &Site) -> Result<()> {
    let id = site.snapshot_id(TAKEN)?;
    site.people_hear(&site.cause(TAKEN, "snapshot")?, "a snapshot that is not ours has its name").await?;
    let seen = site.snapshots().await?;
    let theirs: Vec<_> = seen.iter().filter(|snapshot| snapshot.db_instance_identifier() == Some(TAKEN)).collect();
    ensure!(theirs.len() == 1 && theirs[0].db_snapshot_identifier() == Some(id.as_str()), "{theirs:?}");
    ensure!(theirs[0].status() == Some("available") && theirs[0].tag_list().is_empty(), "it is as it was: {theirs:?}");
    ensure!(site.recovery_point(TAKEN).await?.is_none(), "it is in no record of ours");
    Ok(())
}

/// Every function gets something that is none of its triggers, in the ways in which it could come.
async fn what_cannot_be_read_is_kept(site: &Site) -> Result<()> {
    let (cloud, endpoint) = (&site.cloud, &site.cloud.endpoint);
    let nonsense = json!({ "colour": "of the sea" });
    for function in ["snapshot", "restore-test", "verify"] {
        cloud.deployed.start(endpoint, function, &nonsense).await?;
    }
    let unreadable = json!({ "run": 7 });
    site.put_event("holdfast", "Restore Test Ready", &unreadable).await?;
    for (function, content) in [
        ("holdfast-snapshot", &nonsense),
        ("holdfast-restore-test", &nonsense),
        ("holdfast-verify", &nonsense),
        ("holdfast-verify", &unreadable),
    ] {
        let letter = letter(site, function, content).await?;
        let reason = letter.reason.unwrap_or_default();
        ensure!(reason.starts_with("Holdfast.Malformed: ") && reason.contains("allowed"), "{function}: {reason}");
        people_hear_of_the_failure(site, function).await?;
    }
    // What alert cannot read must not come back to alert.
    cloud.deployed.start(endpoint, "alert", &nonsense).await?;
    eventually("what alert cannot read is kept in the fallback queue", RUN_WITHIN, async || {
        let letters = cloud.deployed.fallback_letters(endpoint).await?;
        Ok(Look::at(letters.iter().any(|letter| letter.content == nonsense), || format!("{letters:?}")))
    })
    .await
}

/// By a message of its own, or as a line of one: functions that fail for the same reason are one storm, and which of them began it is
/// chance.
async fn people_hear_of_the_failure(site: &Site, function: &str) -> Result<()> {
    eventually(&format!("people hear that {function} failed"), RUN_WITHIN, async || {
        let received = site.cloud.receivers.slack().received();
        let told: Vec<String> = received.iter().map(|message| message.body.to_string()).collect();
        let names_it = |message: &&String| message.contains("failed on an event") && message.contains(function);
        Ok(Look::at(told.iter().any(|message| names_it(&message)), || format!("{told:?}")))
    })
    .await
}

/// Waits for the dead letter of a function about some input, or about an event with this detail.
async fn letter(site: &Site, function: &str, content: &Value) -> Result<Letter> {
    eventually(&format!("{function} leaves {content} in the dead-letter queue"), RUN_WITHIN, async || {
        let letters = site.dead_letters().await?;
        let about = |letter: &&Letter| {
            letter.function.as_deref() == Some(function)
                && (letter.content == *content || letter.content["detail"] == *content)
        };
        Ok(match letters.iter().find(about) {
            Some(letter) => Look::Is(letter.clone()),
            None => Look::NotYet(format!("{letters:?}")),
        })
    })
    .await
}

async fn an_unknown_resource_is_answered(site: &Site) -> Result<()> {
    let wish = json!({ "holdfast": "restore-test-now", "resource": UNKNOWN, "request": "curious", "reason": "to see" });
    site.cloud.deployed.start(&site.cloud.endpoint, "restore-test", &wish).await?;
    let letter = letter(site, "holdfast-restore-test", &wish).await?;
    let reason = letter.reason.unwrap_or_default();
    for word in ["Holdfast.Permanent", UNKNOWN, SOUND, DAMAGED, TAKEN] {
        ensure!(reason.contains(word), "{word} is missing in: {reason}");
    }
    Ok(())
}

async fn a_test_by_hand_is_made_once(site: &Site) -> Result<()> {
    // What is to be restored must be there first.
    site.recovery_point_is_recorded(SOUND).await?;
    let wish = json!({ "holdfast": "restore-test-now", "resource": SOUND, "request": "audit-7", "reason": "an auditor asked" });
    for _ in 0..2 {
        site.cloud.deployed.start(&site.cloud.endpoint, "restore-test", &wish).await?;
    }
    let run = site.closed(&format!("{SOUND}.manual.audit-7").parse()?).await?;
    ensure!(run.verdict.as_ref().is_some_and(|verdict| verdict.verdict == Verdict::Passed), "{:?}", run.verdict);
    ensure!(
        run.rule == "manual" && run.source.point == (RecoveryPoint::DbSnapshot { id: site.snapshot_id(SOUND)? }),
        "{run:?}"
    );
    site.room_is_gone(&run).await
}

/// When everything is over: what there is, and no more.
async fn afterwards(site: &Site) -> Result<()> {
    let expected =
        [site.run_id(SOUND)?.to_string(), site.run_id(DAMAGED)?.to_string(), format!("{SOUND}.manual.audit-7")];
    ensure!(site.runs().await? == expected.into(), "{:?}", site.runs().await?);
    ensure!(
        site.instances().await? == [SOUND, DAMAGED, TAKEN].map(str::to_owned).into(),
        "{:?}",
        site.instances().await?
    );
    for name in [SOUND, DAMAGED] {
        ensure!(site.calls("rds:CreateDBSnapshot", name) == 1, "{name} is snapshotted once");
    }
    ensure!(site.slack("a snapshot that is not ours").len() == 1, "told once: {:?}", site.slack(""));
    let letters = site.dead_letters().await?;
    ensure!(letters.len() == 5, "the dead letters are the five that were looked for: {letters:#?}");
    let fallback = site.cloud.deployed.fallback_letters(&site.cloud.endpoint).await?;
    ensure!(fallback.len() == 1, "and one that alert could not read: {fallback:#?}");
    site.nothing_was_refused()
}

/// What is compiled to nothing cannot be deployed: a deployment takes a `plan.json` and nothing else.
#[test]
fn a_plan_with_ten_mistakes_is_told_all_ten_and_becomes_nothing() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (plan, compiled) = (dir.path().join("plan.yaml"), dir.path().join("plan.json"));
    std::fs::write(&plan, with_ten_mistakes()?)?;
    let told = cargo(["plan".as_ref(), "check".as_ref(), plan.as_os_str()]).output()?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    ensure!(told.status.code() == Some(1), "{}: {text}{}", told.status, String::from_utf8_lossy(&told.stderr));
    let codes = text.lines().filter(|line| line.contains(" error ") && line.contains("HF0")).count();
    ensure!(codes == 10 && text.ends_with("10 errors, 0 warnings\n"), "{text}");
    let compiling =
        cargo(["plan".as_ref(), "compile".as_ref(), plan.as_os_str(), "--output".as_ref(), compiled.as_os_str()])
            .output()?;
    ensure!(compiling.status.code() == Some(1) && !compiled.exists(), "{compiling:?}");
    Ok(())
}

/// Ten slips of the pen, each of another sort.
fn with_ten_mistakes() -> Result<String> {
    let good = Draft::due_now([Database::named(SOUND)]).yaml()?;
    let slips = [
        ("name: shop", "name: The Shop"),
        ("time_zone: UTC", "time_zone: Europe/Berlino"),
        ("rooms_max: 20", "rooms_max: 0"),
        ("kind: rds-instance", "kind: rds-cluster"),
        ("rpo: 24h", "rpo: soon"),
        ("keep: 7d", "keep: 7"),
        ("after: daily", "after: dayly"),
        ("deadline: 4m", "deadline: 4s"),
        ("rows_min: 5", "rows_min: none"),
        ("high: [oncall, ops]", "high: [oncall, nobody]"),
    ];
    slips.into_iter().try_fold(good, |text, (right, wrong)| {
        ensure!(text.contains(right), "the draft has no {right}");
        Ok(text.replacen(right, wrong, 1))
    })
}
