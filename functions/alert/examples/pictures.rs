//! Renders every sort of message once, as a phone shows it, into `docs/pictures/alerts/`, and fails if any text is cut or
//! overflows. A command of its own, not part of any test: it needs Chromium (`CHROMIUM` names another one).
//!
//! ```sh
//! cargo run -p alert --no-default-features --example pictures
//! ```

#![allow(clippy::disallowed_methods, reason = "a tool that draws files and runs a browser")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use alert::Archive;
use alert::cause::hear;
use alert::channels::{blocks, email};
use alert::due::Step;
use alert::fold::own_incident;
use alert::heartbeat::{self, Proof};
use alert::lines::apply;
use alert::story::{Event, Story};
use holdfast_domain::{Finding, FindingState, Plan, Severity, Slot};
use holdfast_ledger::{Acknowledgement, Delivery, DeliveryState, Incident};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The width of a common phone, in CSS pixels.
const PHONE: u32 = 390;

/// A width that Chromium does not make wider by itself.
const WINDOW: u32 = 500;

const PLAN: &str = r#"
version: 1
name: boom-card
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
owners: { database: dba@example.com }
rooms_max: 2
resources:
  orders-db:
    kind: rds-instance
    id: boom-card-prod
    region: eu-central-1
    owner: database
    runbook: "https://wiki.example.com/runbooks/orders-db"
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
alerts:
  channels: { ops: { slack: "secret:holdfast/slack" } }
  routes: { high: [ops] }
"#;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let plan = holdfast_plan::read_yaml("plan.yaml", PLAN).map_err(|problems| problems.to_string())?.into_plan();
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures/alerts");
    std::fs::create_dir_all(&out)?;
    let (from, to) = ("holdfast@example.com".parse()?, ["dba@example.com".parse()?]);
    let mut bad = Vec::new();
    for (name, story) in stories(&plan)? {
        let slack = slack_page(&blocks::message(&story));
        let mail = email::email(&from, &to, &story).html;
        for (channel, page) in [("slack", slack), ("email", mail_page(&mail))] {
            let picture = out.join(format!("{channel}-{name}.png"));
            let problems = draw(&page, &picture)?;
            println!(
                "{} {}",
                picture.file_name().unwrap_or_default().display(),
                if problems.is_empty() { "ok" } else { &problems }
            );
            if !problems.is_empty() {
                bad.push(format!("{}: {problems}", picture.display()));
            }
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(bad.join("\n").into()) }
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_795_140_000 + minutes * 60).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn failed(resource: &str, severity: Severity) -> Result<Finding> {
    Ok(Finding {
        cause: format!("boom-card/prod/{resource}/restore-test").parse()?,
        state: FindingState::Open,
        severity,
        resource: Some(resource.parse()?),
        part: None,
        title: format!(
            "the restore test of {resource} failed: count public.orders: a sequential scan finds 199,942 rows, its unique index 200,000"
        ),
        threatens: format!("{resource} cannot be recovered whole from hf-{resource}-20261120t020000z-1f0c22ab"),
        next_step: format!(
            "check the source database {resource} for the same damage, and restore-test an older recovery point"
        ),
        facts: vec![
            ("run".into(), format!("{resource}.every.20261120t020000z")),
            ("recovery point".into(), format!("hf-{resource}-20261120t020000z-1f0c22ab in eu-central-1")),
            ("taken".into(), "2026-11-20T02:00:04Z".into()),
            ("reason 1".into(), "count public.orders: 199,942 rows, index orders_pkey 200,000".into()),
        ],
        seen_at: at(0),
    })
}

/// Every sort of message, with its name.
fn stories(plan: &Plan) -> Result<Vec<(&'static str, Story)>> {
    let archive = Archive { bucket: "boom-card-holdfast-ledger".into(), region: "eu-west-1".into() };
    let of = |incident: &Incident, step, now| Story::of(plan, &archive, incident, step, at(now));
    let opened = incident(&[failed("orders-db", Severity::High)?])?;
    let mut storm = Vec::new();
    for n in 1..=40 {
        let mut finding = failed(&format!("shop-db-{n:02}"), Severity::High)?;
        finding.title =
            format!("the snapshot of shop-db-{n:02} failed: KMSKeyNotAccessibleFault: the key alias/shop is disabled");
        finding.facts.clear();
        storm.push(finding);
    }
    let storm = incident(&storm)?;
    let mut critical = incident(&[failed("orders-db", Severity::Critical)?])?;
    let note = Some("on it: restoring hf-orders-db-20261119t020000z-77aa0912".to_owned());
    let acknowledgement = Acknowledgement { by: "Jane Doe".into(), at: at(9), note, severity: Severity::Critical };
    let update = of(&critical, Step::Update(1), 15);
    critical.acknowledged = Some(acknowledgement);
    let acknowledged = of(&critical, Step::Acknowledged, 9);
    let passed = Finding {
        state: FindingState::Resolved,
        title: "the restore test of orders-db passed".into(),
        seen_at: at(95),
        ..failed("orders-db", Severity::High)?
    };
    let mut over = incident(&[failed("orders-db", Severity::High)?, passed])?;
    for (channel, minute) in [("oncall", 0), ("ops", 15), ("team", 30)] {
        over.opened_to.insert(channel.into(), delivered(minute));
        over.resolved_to.insert(channel.into(), delivered(95));
    }
    let proofs = [("orders-db".parse()?, Proof::Proved { at: at(-12 * 24 * 60) })];
    let heartbeat = heartbeat::heartbeat(Slot::at(at(0)), &proofs, Some(&[]), at(0));
    let mut test = of(&opened, Step::Opened, 0);
    test.event = Event::Test;
    let repeated = Story { possibly_repeated: true, ..of(&opened, Step::Opened, 1) };
    Ok(vec![
        ("opened", of(&opened, Step::Opened, 0)),
        ("repeated", repeated),
        ("storm", of(&storm, Step::Update(1), 1)),
        ("update", update),
        ("acknowledged", acknowledged),
        ("resolved", of(&over, Step::Resolved, 95)),
        ("report", of(&over, Step::Report, 105)),
        ("heartbeat", heartbeat::story(plan, &heartbeat)),
        ("test", test),
        ("long", long(of(&opened, Step::Opened, 0))),
    ])
}

/// Words longer than a phone is wide, everywhere.
fn long(story: Story) -> Story {
    let word = "supercalifragilisticexpialidocious_".repeat(6);
    Story {
        place: word.clone(),
        title: format!("{word} & <{word}>"),
        threatens: word.clone(),
        next_step: word.clone(),
        lines: vec![word.clone(); 3],
        notes: vec![word.clone()],
        facts: vec![(word.clone(), word.clone())],
        owners: vec![word.clone()],
        links: vec![(word.clone(), format!("https://example.com/{word}"))],
        reference: word,
        ..story
    }
}

fn incident(findings: &[Finding]) -> Result<Incident> {
    let first = findings.first().ok_or("no finding")?;
    let id = own_incident(&first.cause, 1);
    let mut incident: Option<Incident> = None;
    let mut causes = std::collections::BTreeMap::new();
    for finding in findings {
        let (cause, heard) = hear(causes.get(finding.cause.as_str()), finding);
        incident = apply(incident.as_ref(), &id, &cause, finding, heard);
        causes.insert(finding.cause.to_string(), cause);
    }
    incident.ok_or_else(|| "nothing stood".into())
}

fn delivered(minute: i64) -> Delivery {
    Delivery {
        state: DeliveryState::Delivered,
        attempts: 1,
        at: at(0) + SignedDuration::from_mins(minute),
        not_before: None,
        possibly_repeated: false,
        reference: None,
        error: None,
    }
}

/// Draws a page and says what is cut or overflows in it.
fn draw(page: &str, picture: &Path) -> Result<String> {
    let file = std::env::temp_dir().join(format!("holdfast-picture-{}.html", std::process::id()));
    std::fs::write(&file, page)?;
    let url = format!("file://{}", file.display());
    let dom = chromium(&["--virtual-time-budget=2000", "--dump-dom", &format!("--window-size={WINDOW},800"), &url])?;
    let measured = between(&dom, "data-measured=\"", "\"").ok_or("the page was not measured")?;
    let (height, problems) = measured.split_once('|').ok_or("a height and problems")?;
    let height: u32 = height.parse()?;
    let shot = format!("--screenshot={}", picture.display());
    let size = format!("--window-size={WINDOW},{height}");
    chromium(&["--virtual-time-budget=2000", "--force-device-scale-factor=1.5", &shot, &size, &url])?;
    std::fs::remove_file(&file)?;
    smaller(picture);
    Ok(problems.replace("&lt;", "<").replace("&amp;", "&"))
}

fn chromium(arguments: &[&str]) -> Result<String> {
    let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into());
    let output = Command::new(&program)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
        ])
        .args(arguments)
        .output()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Fewer colours, if the tool for it is there. The picture is whole without.
fn smaller(picture: &Path) {
    let picture: PathBuf = picture.to_owned();
    let _ = Command::new("pngquant").args(["--force", "--ext", ".png", "--strip", "32"]).arg(picture).status();
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    text.split_once(start)?.1.split_once(end).map(|(inner, _)| inner)
}

/// Measures the page once it stands: its height, and every element whose text is wider than its box or leaves the phone.
const MEASURE: &str = r#"<script>
addEventListener('load', () => {
  const frame = document.querySelector('iframe');
  if (frame) frame.style.height = frame.contentDocument.documentElement.scrollHeight + 'px';
  const inner = frame ? frame.contentDocument : document;
  const phone = frame ? frame.contentDocument.documentElement : document.querySelector('#phone');
  const right = phone.getBoundingClientRect().right;
  const bad = [...(frame ? inner.body : phone).querySelectorAll('*')].filter(e =>
    (e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1) || e.getBoundingClientRect().right > right + 1);
  const words = bad.slice(0, 3).map(e => e.tagName + ' ' + (e.textContent || '').slice(0, 40)).join('; ');
  document.documentElement.dataset.measured =
    (document.querySelector('#phone').getBoundingClientRect().bottom + 16 | 0) + '|' + words.replace(/"/g, "'");
});
</script>"#;

fn page(style: &str, body: &str) -> String {
    let left = (WINDOW - PHONE) / 2;
    format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><style>html,body{{margin:0;background:#d8dade}}\
         #phone{{width:{PHONE}px;margin:16px {left}px;background:#fff;border-radius:12px;overflow:hidden}}{style}</style>{MEASURE}\
         </head><body><div id=\"phone\">{body}</div></body></html>"
    )
}

/// An email in a frame as wide as a phone, so that it lays itself out for one.
fn mail_page(html: &str) -> String {
    let html = html.replace('&', "&amp;").replace('"', "&quot;");
    page("iframe{border:0;display:block;width:100%}", &format!("<iframe srcdoc=\"{html}\"></iframe>"))
}

/// Slack's blocks, in the sizes and colours in which its app shows them.
fn slack_page(message: &Value) -> String {
    let blocks = message["blocks"].as_array().into_iter().flatten();
    let html: String = blocks.map(block).collect();
    let style = "#phone{font:15px/1.46 Lato,'DejaVu Sans',Helvetica,sans-serif;color:#1d1c1d;padding:12px 16px;box-sizing:border-box;\
                 overflow-wrap:anywhere}h1{font-size:18px;line-height:1.33;margin:4px 0 8px}p{margin:6px 0;white-space:pre-wrap}\
                 .fields p{margin:8px 0}small{display:block;font-size:12px;color:#616061;margin-top:8px}a{color:#1264a3;text-decoration:none}\
                 .app{font-weight:bold;margin-bottom:2px}.app span{font-size:11px;background:#e8e8e8;border-radius:2px;padding:1px 3px;\
                 color:#616061;font-weight:normal}";
    page(style, &format!("<div class=\"app\">Holdfast <span>APP</span></div>{html}"))
}

fn block(block: &Value) -> String {
    let text = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
    match block["type"].as_str() {
        Some("header") => format!("<h1>{}</h1>", emoji(&escape(&text(&block["text"])))),
        Some("section") if block["fields"].is_array() => {
            let fields = block["fields"].as_array().into_iter().flatten();
            let fields: String = fields.map(|field| format!("<p>{}</p>", mrkdwn(&text(field)))).collect();
            format!("<div class=\"fields\">{fields}</div>")
        }
        Some("section") => format!("<p>{}</p>", mrkdwn(&text(&block["text"]))),
        Some("context") => {
            let elements = block["elements"].as_array().into_iter().flatten();
            elements.map(|element| format!("<small>{}</small>", mrkdwn(&text(element)))).collect()
        }
        _ => String::new(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn emoji(text: &str) -> String {
    let known = [
        (":rotating_light:", "🚨"),
        (":red_circle:", "🔴"),
        (":large_yellow_circle:", "🟡"),
        (":information_source:", "ℹ️"),
        (":white_check_mark:", "✅"),
        (":memo:", "📝"),
        (":eyes:", "👀"),
        (":test_tube:", "🧪"),
        (":green_heart:", "💚"),
        (":broken_heart:", "💔"),
    ];
    known.iter().fold(text.to_owned(), |text, (code, sign)| text.replace(code, sign))
}

/// Slack's mrkdwn as far as alerts use it: what it holds is escaped already, but for links.
fn mrkdwn(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        html.push_str(&styled(before));
        let Some((link, tail)) = after.split_once('>') else { break };
        let (url, label) = link.split_once('|').unwrap_or((link, link));
        html.push_str(&format!("<a href=\"{}\">{label}</a>", url.replace('"', "%22")));
        rest = tail;
    }
    html.push_str(&styled(rest));
    html
}

/// Bold and italic where a whole line or the beginning of one is marked, which is all that alerts mark.
fn styled(text: &str) -> String {
    let line = |line: &str| {
        for (mark, tag) in [('*', "b"), ('_', "i")] {
            if let Some((inner, tail)) = line.strip_prefix(mark).and_then(|rest| rest.split_once(mark)) {
                return format!("<{tag}>{inner}</{tag}>{tail}");
            }
        }
        line.to_owned()
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}
