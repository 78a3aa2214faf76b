//! Parameter groups over the wire: whole readings, batches of twenty, whose a group is, and every error.

use std::collections::BTreeMap;

use holdfast_domain::inventory::DatabaseKind;
use holdfast_ports::{
    ChangedParameter, MakeParameterGroup, PARAMETERS_MAX, ParameterGroup, ParameterGroupId, ParameterGroups,
    RoomParameters,
};

use super::*;

const KINDS: [DatabaseKind; 2] = [DatabaseKind::Instance, DatabaseKind::Cluster];

fn group(kind: DatabaseKind, name: &str) -> ParameterGroupId {
    ParameterGroupId { region: region(), kind, name: name.into() }
}

/// `DBParameterGroup` or `DBClusterParameterGroup`: the two sorts of calls and fields differ in nothing else.
fn word(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Instance => "DBParameterGroup",
        DatabaseKind::Cluster => "DBClusterParameterGroup",
    }
}

fn parameters_word(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Instance => "DBParameters",
        DatabaseKind::Cluster => "DBClusterParameters",
    }
}

fn group_xml(kind: DatabaseKind, name: &str) -> String {
    let (word, resource) = (word(kind), if kind == DatabaseKind::Instance { "pg" } else { "cluster-pg" });
    format!(
        "<{word}><{word}Name>{name}</{word}Name><DBParameterGroupFamily>postgres15</DBParameterGroupFamily>\
         <Description>d</Description><{word}Arn>arn:aws:rds:eu-central-1:123456789012:{resource}:{name}</{word}Arn></{word}>"
    )
}

fn groups(kind: DatabaseKind, items: &str, marker: Option<&str>) -> Answer {
    page(&format!("{}s", word(kind)), items, marker)
}

fn parameter_xml(name: &str, value: Option<&str>, source: &str, modifiable: bool) -> String {
    let value = value.map_or_else(String::new, |value| format!("<ParameterValue>{value}</ParameterValue>"));
    format!(
        "<Parameter><ParameterName>{name}</ParameterName>{value}<Source>{source}</Source><ApplyType>static</ApplyType>\
         <DataType>integer</DataType><IsModifiable>{modifiable}</IsModifiable><ApplyMethod>pending-reboot</ApplyMethod></Parameter>"
    )
}

fn parameters(kind: DatabaseKind, items: &str, marker: Option<&str>) -> Answer {
    let (action, marker) = (
        format!("Describe{}", parameters_word(kind)),
        marker.map_or_else(String::new, |marker| format!("<Marker>{marker}</Marker>")),
    );
    answer(
        200,
        format!(
            "<{action}Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><{action}Result>{marker}\
             <Parameters>{items}</Parameters></{action}Result></{action}Response>"
        ),
    )
}

fn tags(pairs: &[(&str, &str)]) -> Answer {
    let items: String =
        pairs.iter().map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>")).collect();
    answer(
        200,
        format!(
            "<ListTagsForResourceResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><ListTagsForResourceResult>\
             <TagList>{items}</TagList></ListTagsForResourceResult></ListTagsForResourceResponse>"
        ),
    )
}

fn make(kind: DatabaseKind, parameters: usize) -> MakeParameterGroup {
    MakeParameterGroup {
        group: group(kind, "hf-rt-orders-db-0123456789ab"),
        family: "postgres15".into(),
        description: "room of a restore test".into(),
        parameters: (0..parameters).map(|n| (format!("p{n:02}"), format!("v{n:02}"))).collect(),
        tags: Tags::from([("holdfast:run".into(), "orders-db.every.20261120t020000z".into())]),
    }
}

#[tokio::test]
async fn a_group_is_read_with_everything_that_somebody_changed_page_after_page() {
    for kind in KINDS {
        let first = parameter_xml("random_page_cost", Some("1.1"), "user", true)
            + &parameter_xml("shared_buffers", Some("{DBInstanceClassMemory/32768}"), "user", true)
            // Not what was asked for, but an endpoint in between may not know how to choose.
            + &parameter_xml("work_mem", Some("4096"), "engine-default", true);
        let last = parameter_xml("wal_level", Some("logical"), "user", false)
            + &parameter_xml("reset_to_nothing", None, "user", true);
        let replay = Replay::of([
            groups(kind, &group_xml(kind, "shop-15"), None),
            parameters(kind, &first, Some("after")),
            parameters(kind, "", Some("after-nothing")),
            parameters(kind, &last, None),
        ]);
        let read = Rds::new(&replay.config()).parameter_group(&group(kind, "shop-15")).await.expect("a group");
        let changed = |value: &str, modifiable| ChangedParameter { value: value.into(), modifiable };
        let expected = BTreeMap::from([
            ("random_page_cost".into(), changed("1.1", true)),
            ("shared_buffers".into(), changed("{DBInstanceClassMemory/32768}", true)),
            ("wal_level".into(), changed("logical", false)),
        ]);
        assert_eq!(read, ParameterGroup { family: "postgres15".into(), changed: expected });
        let sent: Vec<_> = replay.requests().iter().map(crate::replay::Request::form).collect();
        let name = format!("{}Name", word(kind));
        assert_eq!(
            (sent[0]["Action"].as_str(), sent[0][&name].as_str()),
            (format!("Describe{}s", word(kind)).as_str(), "shop-15")
        );
        let action = format!("Describe{}", parameters_word(kind));
        let expected =
            form([("Action", action.as_str()), (name.as_str(), "shop-15"), ("MaxRecords", "100"), ("Source", "user")]);
        assert_eq!(sent[1], expected);
        assert_eq!((sent[2]["Marker"].as_str(), sent[3]["Marker"].as_str()), ("after", "after-nothing"));
    }
}

#[tokio::test]
async fn a_reading_that_breaks_off_or_never_ends_is_an_error_and_never_a_part() {
    let kind = DatabaseKind::Instance;
    let described = || groups(kind, &group_xml(kind, "shop-15"), None);
    let some = parameter_xml("random_page_cost", Some("1.1"), "user", true);
    let replay = Replay::of([described(), parameters(kind, &some, Some("m")), refusal(403, "AccessDenied", "no")]);
    let error = Rds::new(&replay.config()).parameter_group(&group(kind, "shop-15")).await.expect_err("half");
    assert_eq!((error.kind, error.operation), (PortErrorKind::AccessDenied, "rds:DescribeDBParameters"));

    let many: String = (0..=PARAMETERS_MAX).map(|n| parameter_xml(&format!("p{n}"), Some("1"), "user", true)).collect();
    let replay = Replay::of([described(), parameters(kind, &many, None)]);
    let error = Rds::new(&replay.config()).parameter_group(&group(kind, "shop-15")).await.expect_err("one too many");
    assert_eq!(error.to_string(), "rds:DescribeDBParameters of shop-15: more than 1000 items");
}

#[tokio::test]
async fn a_group_that_is_not_there_is_not_found_however_it_is_said() {
    for kind in KINDS {
        for missing in [refusal(404, "DBParameterGroupNotFound", "not found"), groups(kind, "", None)] {
            let replay = Replay::of([missing]);
            let error = Rds::new(&replay.config()).parameter_group(&group(kind, "gone")).await.expect_err("nothing");
            assert_eq!(error.kind, PortErrorKind::NotFound, "{error}");
        }
    }
}

#[tokio::test]
async fn a_group_is_made_with_its_tags_and_given_its_parameters_twenty_at_a_time() {
    for kind in KINDS {
        let (word, request) = (word(kind), make(kind, 41));
        let made = done(&format!("Create{word}"));
        let modified = || done(&format!("Modify{word}"));
        let replay = Replay::of([made, modified(), modified(), modified()]);
        Rds::new(&replay.config()).make_parameter_group(&request).await.expect("made");
        let sent: Vec<_> = replay.requests().iter().map(crate::replay::Request::form).collect();
        let (create, modify, name) = (format!("Create{word}"), format!("Modify{word}"), format!("{word}Name"));
        assert_eq!(
            sent[0],
            form([
                ("Action", create.as_str()),
                (name.as_str(), "hf-rt-orders-db-0123456789ab"),
                ("DBParameterGroupFamily", "postgres15"),
                ("Description", "room of a restore test"),
                ("Tags.Tag.1.Key", "holdfast:run"),
                ("Tags.Tag.1.Value", "orders-db.every.20261120t020000z"),
            ])
        );
        assert_eq!(
            sent[3],
            form([
                ("Action", modify.as_str()),
                (name.as_str(), "hf-rt-orders-db-0123456789ab"),
                ("Parameters.Parameter.1.ParameterName", "p40"),
                ("Parameters.Parameter.1.ParameterValue", "v40"),
                ("Parameters.Parameter.1.ApplyMethod", "pending-reboot"),
            ])
        );
        for (number, batch) in sent[1..].iter().enumerate() {
            let names = batch.keys().filter(|key| key.ends_with(".ParameterName")).count();
            assert_eq!(names, if number < 2 { 20 } else { 1 });
        }
    }
}

#[tokio::test]
async fn a_group_that_is_there_already_is_ours_only_by_its_tags() {
    let exists = || refusal(400, "DBParameterGroupAlreadyExists", "Parameter group already exists");
    let kind = DatabaseKind::Cluster;
    let described = || groups(kind, &group_xml(kind, "hf-rt-orders-db-0123456789ab"), None);
    let ours = tags(&[("holdfast:run", "orders-db.every.20261120t020000z"), ("more", "")]);
    let replay = Replay::of([exists(), described(), ours, done("ModifyDBClusterParameterGroup")]);
    Rds::new(&replay.config()).make_parameter_group(&make(kind, 1)).await.expect("made again");
    assert_eq!(
        replay.requests()[2].form()["ResourceName"],
        "arn:aws:rds:eu-central-1:123456789012:cluster-pg:hf-rt-orders-db-0123456789ab"
    );

    for anothers in [tags(&[("holdfast:run", "another")]), tags(&[])] {
        let replay = Replay::of([exists(), described(), anothers]);
        let error = Rds::new(&replay.config()).make_parameter_group(&make(kind, 1)).await.expect_err("not ours");
        assert_eq!(error.kind, PortErrorKind::AlreadyExists);
        assert_eq!(replay.requests().len(), 3, "and nothing in it is changed");
    }
}

#[tokio::test]
async fn every_documented_refusal_is_read_by_its_code() {
    for (status, code, kind, class) in [
        (400, "DBParameterGroupQuotaExceeded", PortErrorKind::QuotaExceeded, Class::Transient),
        (400, "InvalidDBParameterGroupState", PortErrorKind::InvalidState, Class::Transient),
        (404, "DBParameterGroupNotFound", PortErrorKind::NotFound, Class::Permanent),
        (404, "DBClusterParameterGroupNotFound", PortErrorKind::NotFound, Class::Permanent),
        (400, "InvalidParameterValue", PortErrorKind::Invalid, Class::Permanent),
        (400, "InvalidParameterCombination", PortErrorKind::Invalid, Class::Permanent),
        (403, "AccessDenied", PortErrorKind::AccessDenied, Class::Permanent),
    ] {
        let replay = Replay::of([done("CreateDBParameterGroup"), refusal(status, code, "in RDS's own words")]);
        let made = Rds::new(&replay.config()).make_parameter_group(&make(DatabaseKind::Instance, 1)).await;
        let error = made.expect_err(code);
        assert_eq!((error.kind, error.class(), error.operation), (kind, class, "rds:ModifyDBParameterGroup"));
        assert!(error.message.contains("in RDS's own words"), "{error}");
    }
}

#[tokio::test]
async fn a_lost_answer_may_have_happened_and_throttling_once_is_told_to_nobody() {
    for lost in [Answer::Lost, Answer::Silent] {
        let replay = Replay::always(lost);
        let rds = Rds::new(&replay.config());
        let kind = DatabaseKind::Instance;
        assert_may_have_happened(&rds.make_parameter_group(&make(kind, 1)).await.expect_err("lost"));
        assert_may_have_happened(&rds.delete_parameter_group(&group(kind, "hf-rt-a")).await.expect_err("lost"));
        assert_may_have_happened(&rds.parameter_group(&group(kind, "shop-15")).await.expect_err("lost"));
    }
    let throttled = refusal(400, "Throttling", "Rate exceeded");
    let replay = Replay::of([throttled, done("DeleteDBParameterGroup")]);
    Rds::new(&replay.config()).delete_parameter_group(&group(DatabaseKind::Instance, "hf-rt-a")).await.expect("gone");
}

#[tokio::test]
async fn a_group_that_is_gone_is_deleted_and_one_that_is_used_is_not() {
    for kind in KINDS {
        let gone = refusal(404, "DBParameterGroupNotFound", "DBParameterGroup not found: hf-rt-a");
        let replay = Replay::of([done(&format!("Delete{}", word(kind))), gone]);
        let rds = Rds::new(&replay.config());
        for _ in 0..2 {
            rds.delete_parameter_group(&group(kind, "hf-rt-a")).await.expect("gone");
        }
        let (action, name) = (format!("Delete{}", word(kind)), format!("{}Name", word(kind)));
        assert_eq!(replay.requests()[0].form(), form([("Action", action.as_str()), (name.as_str(), "hf-rt-a")]));

        let replay = Replay::of([refusal(400, "InvalidDBParameterGroupState", "still members of this group")]);
        let error = Rds::new(&replay.config()).delete_parameter_group(&group(kind, "hf-rt-a")).await;
        assert_eq!(error.expect_err("used").kind, PortErrorKind::InvalidState);
    }
}

#[tokio::test]
async fn temporary_groups_of_both_kinds_are_listed_with_their_tags_and_nobody_elses() {
    let [instance, cluster] = KINDS;
    let of_instances = group_xml(instance, "default.postgres15") + &group_xml(instance, "hf-rt-a");
    let replay = Replay::of([
        groups(instance, &of_instances, Some("m")),
        groups(instance, &group_xml(instance, "shop-15"), None),
        tags(&[("holdfast:plan", "shop")]),
        groups(cluster, &(group_xml(cluster, "hf-rt-gone") + &group_xml(cluster, "hf-rt-b")), None),
        // It went between the two looks.
        refusal(404, "DBParameterGroupNotFound", "gone"),
        tags(&[]),
    ]);
    let listed = Rds::new(&replay.config()).temporary_parameter_groups(&region()).await.expect("a listing");
    assert_eq!(
        listed,
        [
            (group(instance, "hf-rt-a"), Tags::from([("holdfast:plan".into(), "shop".into())])),
            (group(cluster, "hf-rt-b"), Tags::new()),
        ]
    );
}

#[tokio::test]
async fn a_groups_name_that_is_not_temporary_is_refused_before_any_call() {
    let replay = Replay::of([]);
    let rds = Rds::new(&replay.config());
    for name in ["shop-15", "default.postgres15", "hf-orders", "hf-rt", "a-hf-rt-orders"] {
        for kind in KINDS {
            let request = MakeParameterGroup { group: group(kind, name), ..make(kind, 1) };
            let (made, deleted) =
                (rds.make_parameter_group(&request).await, rds.delete_parameter_group(&request.group).await);
            for refused in [made, deleted] {
                assert_eq!(refused.expect_err(name).message, "only names beginning with hf-rt- are touched");
            }
        }
    }
    assert_eq!(replay.requests().len(), 0);
}
