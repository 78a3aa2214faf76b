//! Copies: where recovery points are carried, under which key, for how long.

use std::collections::BTreeSet;

use holdfast_domain::plan::CopyRule;
use holdfast_domain::{AccountName, Region, RuleName};

use super::context::{Context, reference};
use super::forms::{DURATION, KMS_KEY, NAME, REGION};
use super::kinds::AWS_DATABASES;
use super::reader::{Fields, Place};
use super::retention::{self, KEEP};
use super::target::Standing;
use super::words::{Words, known};
use crate::language::{Shape, Table, may, must, sometimes};
use crate::problem::{Log, code};

pub(crate) static COPY: Table = Table::new(
    "copy",
    &[
        must(
            "region",
            Shape::Like(&REGION),
            "To which region",
            "the region that recovery points are carried to, such as region: eu-west-1; none is ever assumed",
        ),
        may("account", Shape::Like(&NAME), "To which of the plan's accounts; this one if left out"),
        sometimes(
            "kms_key",
            Shape::Like(&KMS_KEY),
            "The KMS key of the target under which the copy is encrypted: an alias, an id or an ARN",
            "a KMS key of the target, such as kms_key: alias/holdfast-dr; none is ever assumed",
        ),
        must("keep", KEEP, "Retention of the copies", retention::WANTED),
        may("within", Shape::Like(&DURATION), "How soon a copy must be complete; later is a finding"),
        may("of", Shape::List(&Shape::Like(&NAME)), "Recovery points of which snapshot rules; of all if left out"),
        may("lock", Shape::Like(&DURATION), "How long nobody can delete a copied object (Object Lock), in whole days"),
        may("transport", Shape::Word(|| known(TRANSPORTS)), "How it travels; `tls`, the default, is all there is"),
    ],
);

pub(super) const COPIES: Shape = Shape::List(&Shape::Map(&COPY));

/// A VPN is a wish that is answered, not a word that is unknown (X11).
const TRANSPORTS: Words<Transport> = &[("tls", Transport::Tls), ("vpn", Transport::Vpn)];

#[derive(Debug, Clone, Copy)]
enum Transport {
    Tls,
    Vpn,
}

/// The copies in the order of the source. `rules` are the names of the resource's snapshot rules.
pub(super) fn copies(
    place: &Place<'_>,
    standing: &Standing,
    rules: &[&str],
    context: &Context<'_>,
    log: &mut Log,
) -> Option<Vec<CopyRule>> {
    let items = place.items("copies", log)?;
    let mut decoded: Vec<CopyRule> = Vec::new();
    let mut whole = true;
    for item in &items {
        let Some(rule) = copy(item, standing, rules, context, log) else {
            whole = false;
            continue;
        };
        if let Some(first) = decoded.iter().position(|other| same_target(other, &rule)) {
            let message =
                format!("the same recovery points are copied twice to {}, first by copies[{first}]", rule.region);
            item.refuse(
                code::TWICE,
                message,
                "one copy of a recovery point for each region and account is wanted",
                log,
            );
            whole = false;
        }
        decoded.push(rule);
    }
    whole.then_some(decoded)
}

fn same_target(a: &CopyRule, b: &CopyRule) -> bool {
    let of_both = a.of.is_empty() || b.of.is_empty() || !a.of.is_disjoint(&b.of);
    a.region == b.region && a.account == b.account && of_both
}

fn copy(
    place: &Place<'_>,
    standing: &Standing,
    rules: &[&str],
    context: &Context<'_>,
    log: &mut Log,
) -> Option<CopyRule> {
    let fields = Fields::of(place, &COPY, log)?;
    let region: Option<Region> = fields.must("region", log, |place, log| place.name(log));
    let account: Option<Option<AccountName>> =
        fields.maybe("account", log, |place, log| reference(place, "account", &context.accounts, log));
    let elsewhere = elsewhere(&fields, region.as_ref(), standing, log);
    let kms_key = kms_key(&fields, region.as_ref(), standing, log);
    let keep = fields.must("keep", log, retention::keep);
    let within = fields.maybe("within", log, |place, log| place.duration(log));
    let of = fields.or("of", BTreeSet::new(), log, |place, log| of(place, rules, log));
    let lock = fields.maybe("lock", log, |place, log| place.days(log));
    let transport = fields.or("transport", (), log, |place, log| transport(place, standing, log));
    elsewhere?;
    transport?;
    Some(CopyRule {
        region: region?,
        account: account?,
        kms_key: kms_key?,
        keep: keep?,
        within: within?,
        of: of?,
        lock: lock?,
    })
}

/// A copy beside the original is lost with it.
fn elsewhere(fields: &Fields<'_>, region: Option<&Region>, standing: &Standing, log: &mut Log) -> Option<()> {
    if fields.take("account").is_some() || region.is_none() || region != standing.region.as_ref() {
        return Some(());
    }
    let place = fields.take("region")?;
    let message = format!("{} is where the recovery points already are", place.node.shown());
    place.refuse(
        code::SAME_PLACE,
        message,
        "another region, or account: with another of the plan's accounts, is wanted",
        log,
    );
    None
}

/// A snapshot that leaves its region or account is encrypted anew there: its own key does not exist in the target
/// (source: RDS User Guide, "Copying a DB snapshot").
#[expect(clippy::option_option, reason = "absent and refused are different things here")]
fn kms_key(fields: &Fields<'_>, region: Option<&Region>, standing: &Standing, log: &mut Log) -> Option<Option<String>> {
    if fields.take("kms_key").is_some() {
        return fields.maybe("kms_key", log, |place, log| place.kms_key(log));
    }
    let (Some(kind), Some(region), Some(own)) = (standing.kind, region, &standing.region) else { return Some(None) };
    let leaves = if region != own {
        format!("leaves {own}")
    } else if fields.take("account").is_some() {
        "leaves its account".to_owned()
    } else {
        return Some(None);
    };
    if AWS_DATABASES.contains(&kind) {
        fields.demand(
            "kms_key",
            &format!("kms_key is missing: the copy {leaves}, and its key does not exist there"),
            log,
        )?;
    }
    Some(None)
}

fn of(place: &Place<'_>, rules: &[&str], log: &mut Log) -> Option<BTreeSet<RuleName>> {
    let names = place.distinct("of", log, |place, log| rule_reference(place, rules, log))?;
    Some(names.into_iter().collect())
}

/// A snapshot rule of the same resource.
pub(super) fn rule_reference(place: &Place<'_>, rules: &[&str], log: &mut Log) -> Option<RuleName> {
    let rule: RuleName = place.name(log)?;
    if rules.contains(&rule.as_str()) {
        return Some(rule);
    }
    let message = format!("{rule} is not a snapshot rule of this resource");
    let allowed =
        if rules.is_empty() { "this resource has no snapshot rules".to_owned() } else { super::reader::one_of(rules) };
    place.refuse(code::NO_SUCH, message, allowed, log);
    None
}

fn transport(place: &Place<'_>, standing: &Standing, log: &mut Log) -> Option<()> {
    match place.word(TRANSPORTS, log)? {
        Transport::Tls => Some(()),
        Transport::Vpn => {
            let kind = standing.kind.map_or("this kind", |kind| kind.as_str());
            let message = format!(
                "a copy of {kind} cannot travel through a VPN: AWS itself carries it, over TLS inside its own network (X11)"
            );
            place.refuse(code::TRANSPORT, message, "transport: tls, or leave it out", log);
            // Refused it is; the copy is understood all the same, so that the rest of the plan can still be judged.
            Some(())
        }
    }
}
