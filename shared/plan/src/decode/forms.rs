//! Texts of a certain form: names, units, addresses, keys. Each form has its pattern for the schema and its reader here.

use holdfast_domain::plan::WallTime;
use holdfast_domain::{BucketName, SecretName};
use jiff::Timestamp;

use super::reader::Place;
use crate::language::Form;
use crate::problem::{Log, Said, code};

const fn form(name: &'static str, pattern: &'static str, example: &'static str) -> Form {
    Form { name, pattern, example }
}

/// A name of the plan's own.
pub(crate) static NAME: Form = form("name", "^(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$", "orders");
/// A resource's name; what is named `hf-rt-…` is temporary.
pub(crate) static RESOURCE: Form =
    form("resource-name", "^(?!rt(-|$))(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$", "orders-db");
pub(crate) static REGION: Form = form("region", "^([a-z]{2,}-){2,4}[0-9]$", "eu-central-1");
pub(crate) static DURATION: Form = form("duration", "^[0-9]+(ms|s|m|h|d)$", "7d");
pub(crate) static SIZE: Form = form("size", "^[0-9]+([KMGT]i?)?B$", "1GB");
pub(crate) static PERCENT: Form = form("percent", "^[0-9]{1,2}%$", "5%");
pub(crate) static SCHEDULE: Form = form("schedule", "^cron\\(\\S+( +\\S+){5}\\)$", "cron(0 2 * * ? *)");
pub(crate) static ZONE: Form = form("time-zone", "^[A-Za-z][A-Za-z0-9_+/-]*$", "Europe/Berlin");
pub(crate) static TIME_OF_DAY: Form = form("time-of-day", "^([01][0-9]|2[0-3]):[0-5][0-9]$", "22:00");
pub(crate) static INSTANT: Form = form(
    "instant",
    "^\\d{4}-\\d\\d-\\d\\d[Tt ]\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?([Zz]|[+-]\\d\\d(:?\\d\\d)?)$",
    "2026-11-20T02:00:00Z",
);
pub(crate) static SECRET: Form = form("secret", "^secret:[A-Za-z0-9/_+=.@-]{1,512}$", "secret:holdfast/slack");
pub(crate) static EMAIL: Form = form("email", "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", "dba@example.com");
pub(crate) static URL: Form = form("url", "^https?://\\S+$", "https://runbooks.example.com/orders");
pub(crate) static S3_OBJECT: Form =
    form("s3-object", "^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+$", "s3://orders-config/erasures.jsonl");
pub(crate) static ACCOUNT_ID: Form = form("account-id", "^[0-9]{12}$", "210987654321");
pub(crate) static ROLE: Form =
    form("role-arn", "^arn:aws[a-z-]*:iam::[0-9]{12}:role/\\S+$", "arn:aws:iam::210987654321:role/holdfast");
pub(crate) static KMS_KEY: Form =
    form("kms-key", "^(alias/\\S+|arn:aws[a-z-]*:kms:\\S+|(mrk-)?[0-9a-f-]{32,36})$", "alias/holdfast-dr");
/// The class of members that Aurora sizes by itself.
pub(super) const SERVERLESS_CLASS: &str = "db.serverless";
pub(crate) static INSTANCE_CLASS: Form =
    form("instance-class", "^db(\\.serverless|(\\.[a-z0-9-]+){2,4})$", "db.t4g.medium");
pub(crate) static CONVERSATION: Form = form("slack-conversation", "^[CDG][A-Z0-9]{7,}$", "C024BE91L");
pub(crate) static TABLE: Form = form("table", "^[A-Za-z0-9_$-]{1,63}(\\.[A-Za-z0-9_$-]{1,63})?$", "shop.orders");
pub(crate) static COLUMN: Form = form("column", "^[A-Za-z0-9_$-]{1,63}$", "created_at");
pub(crate) static FIELD: Form = form("field", "^[^.\\s$]{1,120}(\\.[^.\\s$]{1,120}){0,3}$", "created_at");
pub(crate) static COLLECTION: Form = form("collection", "^[^.\\s$]{1,63}\\.[^\\s$]{1,190}$", "app.users");

/// The longest address that is read; browsers and AWS's consoles take about as much.
const URL_LENGTH_MAX: usize = 2_000;
/// A line that fits into a message and a table.
const WORDS_LENGTH_MAX: usize = 500;

impl<'n> Place<'n> {
    /// A text that passes a test of its form.
    fn formed(
        &self,
        code: &'static str,
        sort: &str,
        form: &Form,
        legal: impl Fn(&str) -> bool,
        log: &mut Log,
    ) -> Option<&'n str> {
        let text = self.text(log)?;
        if legal(text) {
            return Some(text);
        }
        let message = format!("{} is not {sort}", self.quoted());
        self.refuse(code, message, format!("one such as {} is wanted", form.example), log);
        None
    }

    /// What stands here, or that it is empty.
    fn quoted(&self) -> String {
        let shown = self.node.shown();
        if shown.is_empty() { "an empty text".to_owned() } else { shown }
    }

    /// A line for people: a contact, what something is.
    pub(super) fn words(&self, log: &mut Log) -> Option<String> {
        let text = self.text(log)?;
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.chars().count() > WORDS_LENGTH_MAX || trimmed.chars().any(char::is_control) {
            let message = format!("{} cannot be shown in one line", self.quoted());
            self.refuse(code::TEXT, message, format!("1 to {WORDS_LENGTH_MAX} characters on one line are wanted"), log);
            return None;
        }
        Some(trimmed.to_owned())
    }

    /// An address of the web.
    pub(super) fn url(&self, log: &mut Log) -> Option<String> {
        self.formed(code::ADDRESS, "an address of the web", &URL, is_url, log).map(str::to_owned)
    }

    /// The address of an object in S3.
    pub(super) fn s3_object(&self, log: &mut Log) -> Option<String> {
        let legal = |text: &str| {
            let split = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            split.is_some_and(|(bucket, key)| {
                bucket.parse::<BucketName>().is_ok()
                    // 1,024 bytes (source: S3 User Guide, "Naming Amazon S3 objects").
                    && (1..=1024).contains(&key.len())
                    && !key.chars().any(char::is_control)
            })
        };
        self.formed(code::ADDRESS, "the address of an object in S3", &S3_OBJECT, legal, log).map(str::to_owned)
    }

    /// The ARN of an IAM role (source: IAM User Guide, "IAM identifiers").
    pub(super) fn role(&self, log: &mut Log) -> Option<String> {
        self.formed(code::ARN, "the ARN of a role", &ROLE, |text| role_account(text).is_some(), log).map(str::to_owned)
    }

    /// A KMS key: an alias, a key id or the ARN of either (source: KMS Developer Guide, "Key identifiers (`KeyId`)").
    pub(super) fn kms_key(&self, log: &mut Log) -> Option<String> {
        self.formed(code::KMS_KEY, "a KMS key by its alias, id or ARN", &KMS_KEY, is_kms_key, log).map(str::to_owned)
    }

    /// `db.t4g.medium`, `db.serverless`. Which classes a region offers is AWS's to say, at restore; the shape is checked here.
    pub(super) fn instance_class(&self, log: &mut Log) -> Option<String> {
        self.formed(code::NAME, "a DB instance class", &INSTANCE_CLASS, is_instance_class, log).map(str::to_owned)
    }

    /// The id of a Slack conversation, which outlives its name.
    pub(super) fn conversation(&self, log: &mut Log) -> Option<String> {
        let legal = |text: &str| {
            text.starts_with(['C', 'D', 'G'])
                && (8..=20).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        self.formed(code::NAME, "the id of a Slack conversation", &CONVERSATION, legal, log).map(str::to_owned)
    }

    /// A table, with its schema or without.
    pub(super) fn table(&self, log: &mut Log) -> Option<String> {
        let legal = |text: &str| text.split('.').count() <= 2 && text.split('.').all(is_identifier);
        self.formed(code::NAME, "a table's name", &TABLE, legal, log).map(str::to_owned)
    }

    /// A column.
    pub(super) fn column(&self, log: &mut Log) -> Option<String> {
        self.formed(code::NAME, "a column's name", &COLUMN, is_identifier, log).map(str::to_owned)
    }

    /// A field of a document, or of one that is embedded in it, at most four deep.
    pub(super) fn field(&self, log: &mut Log) -> Option<String> {
        let plain = |part: &str| {
            (1..=120).contains(&part.chars().count())
                && !part.chars().any(|c| c.is_control() || c.is_whitespace() || c == '$')
        };
        let legal = |text: &str| text.split('.').count() <= 4 && text.split('.').all(plain);
        self.formed(code::NAME, "a field's name", &FIELD, legal, log).map(str::to_owned)
    }

    /// `database.collection` (source: MongoDB Manual, "MongoDB Limits and Thresholds", "Naming Restrictions").
    pub(super) fn collection(&self, log: &mut Log) -> Option<String> {
        let legal = |text: &str| {
            let plain =
                |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_control() || c.is_whitespace() || c == '$');
            text.len() <= 255
                && text.split_once('.').is_some_and(|(db, name)| db.len() <= 63 && plain(db) && plain(name))
        };
        self.formed(code::NAME, "a collection with its database", &COLLECTION, legal, log).map(str::to_owned)
    }

    /// `07:30`.
    pub(super) fn time_of_day(&self, log: &mut Log) -> Option<WallTime> {
        let text =
            self.formed(code::TIME_OF_DAY, "a time of day", &TIME_OF_DAY, |text| wall_time(text).is_some(), log)?;
        wall_time(text)
    }

    /// An instant with its offset from UTC.
    pub(super) fn instant(&self, log: &mut Log) -> Option<Timestamp> {
        let text =
            self.formed(code::INSTANT, "an instant with its offset", &INSTANT, |text| instant(text).is_some(), log)?;
        instant(text)
    }

    /// `secret:holdfast/slack`. The value is not shown: what stands here by mistake is most likely the secret itself.
    pub(super) fn secret(&self, log: &mut Log) -> Option<SecretName> {
        let text = self.text(log)?;
        // So that a pasted key is never taken for a name, the name is written behind a word.
        let name = text.strip_prefix("secret:").and_then(|name| name.parse().ok());
        if name.is_none() {
            let allowed = format!("the name of a secret in Secrets Manager is wanted, such as {}", SECRET.example);
            let (value, message) = ("(not shown)", "this is not the name of a secret".to_owned());
            log.refuse(Said { code: code::SECRET, mark: self.mark, path: &self.path, value, message, allowed });
        }
        name
    }
}

/// The account of a role's ARN.
pub(super) fn role_account(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [prefix, partition, service, region, account, resource] = parts.as_slice() else { return None };
    let role = resource.strip_prefix("role/")?;
    let legal = *prefix == "arn"
        && partition.starts_with("aws")
        && (*service, *region) == ("iam", "")
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && !role.is_empty()
        && role.len() <= 600
        && role.bytes().all(|b| b.is_ascii_graphic());
    legal.then_some(*account)
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    text.len() <= URL_LENGTH_MAX
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['))
}

fn is_kms_key(text: &str) -> bool {
    let graphic = |text: &str| !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| b.is_ascii_graphic());
    if let Some(alias) = text.strip_prefix("alias/") {
        return graphic(alias);
    }
    if text.starts_with("arn:") {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        return matches!(parts.as_slice(), ["arn", partition, "kms", region, account, key]
            if partition.starts_with("aws")
                && !region.is_empty()
                && account.len() == 12
                && (key.starts_with("key/") || key.starts_with("alias/"))
                && graphic(key));
    }
    let id = text.strip_prefix("mrk-").unwrap_or(text);
    (32..=36).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn is_instance_class(text: &str) -> bool {
    if text == SERVERLESS_CLASS {
        return true;
    }
    let mut parts = text.split('.');
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    parts.next() == Some("db") && (2..=4).contains(&parts.clone().count()) && parts.all(word)
}

/// 63 bytes (source: PostgreSQL documentation, "Identifiers and Key Words").
fn is_identifier(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_$-".contains(&b))
}

fn wall_time(text: &str) -> Option<WallTime> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?;
    WallTime::new(two(hour)?, two(minute)?)
}

/// Between the years 1970 and 2199, as schedules are.
fn instant(text: &str) -> Option<Timestamp> {
    const LAST: Timestamp = Timestamp::constant(7_258_118_400, 0);
    text.parse().ok().filter(|instant| (Timestamp::UNIX_EPOCH..LAST).contains(instant))
}
