//! Other accounts, and compliance streams, which may lead into them.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Account, Stream};
use holdfast_domain::{AccountId, AccountName, StreamName};

use super::context::{Context, reference};
use super::forms::{ACCOUNT_ID, KMS_KEY, NAME, ROLE, role_account};
use super::reader::{Fields, Place};
use crate::language::{Shape, Table, may, must};
use crate::problem::{Log, code};

pub(super) const ACCOUNTS: Shape = Shape::Named(&NAME, &Shape::Map(&ACCOUNT));
pub(super) const STREAMS: Shape = Shape::Named(&NAME, &Shape::Map(&STREAM));

pub(crate) static ACCOUNT: Table = Table::new(
    "account",
    &[
        must(
            "id",
            Shape::Like(&ACCOUNT_ID),
            "Its twelve digits, in quotes",
            "its twelve digits, such as id: \"210987654321\"",
        ),
        must(
            "role",
            Shape::Like(&ROLE),
            "ARN of the role that Holdfast assumes there",
            "the role that Holdfast assumes there, such as role: \"arn:aws:iam::210987654321:role/holdfast\"",
        ),
    ],
);

pub(crate) static STREAM: Table = Table::new(
    "stream",
    &[
        must(
            "kms_key",
            Shape::Like(&KMS_KEY),
            "The KMS key of its recovery points, which no other stream uses: an alias, an id or an ARN",
            "the KMS key of this stream alone, such as kms_key: alias/holdfast-pci",
        ),
        may("account", Shape::Like(&NAME), "The account that its copies go to; this one if left out"),
    ],
);

pub(super) fn accounts(place: &Place<'_>, log: &mut Log) -> Option<BTreeMap<AccountName, Account>> {
    let mut seen: BTreeMap<AccountId, String> = BTreeMap::new();
    place.named("accounts", log, |place, log| {
        let fields = Fields::of(place, &ACCOUNT, log)?;
        let id: Option<AccountId> = fields.must("id", log, |place, log| place.name(log));
        let role = fields.must("role", log, |place, log| place.role(log));
        let (id, role) = (id?, role?);
        let (id_place, role_place) = (fields.take("id")?, fields.take("role")?);
        if role_account(&role) != Some(id.as_str()) {
            let message = format!("the role belongs to another account than {id}");
            role_place.refuse(code::ARN, message, "a role of the account itself is wanted", log);
            return None;
        }
        if let Some(first) = seen.insert(id.clone(), place.path.clone()) {
            id_place.refuse(
                code::TWICE,
                format!("{id} stands twice, first as {first}"),
                "each account once is wanted",
                log,
            );
            return None;
        }
        Some(Account { id, role })
    })
}

pub(super) fn streams(place: &Place<'_>, context: &Context<'_>, log: &mut Log) -> Option<BTreeMap<StreamName, Stream>> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    place.named("streams", log, |place, log| {
        let fields = Fields::of(place, &STREAM, log)?;
        let kms_key = fields.must("kms_key", log, |place, log| {
            let key = place.kms_key(log)?;
            if let Some(first) = seen.insert(key.clone(), place.path.clone()) {
                let message = format!("{key} is the key of another stream too, first at {first}");
                place.refuse(code::TWICE, message, "a key of its own is wanted, or the streams are one", log);
                return None;
            }
            Some(key)
        });
        let account = fields.maybe("account", log, |place, log| reference(place, "account", &context.accounts, log));
        Some(Stream { kms_key: kms_key?, account: account? })
    })
}
