//! RDS over the wire: the Query protocol as AWS documents it (source: RDS API Reference; shapes of `DescribeDBInstances`,
//! `DescribeDBSnapshots`, "Common Errors").

mod cluster_rooms;
mod clusters;
mod parameters;

use std::collections::BTreeMap;

use holdfast_domain::inventory::{
    AutomatedBackups, DailyWindow, Database, DatabaseKind, DbInstance, DbSnapshot, DbSnapshotStatus, DbStatus,
    Endpoint, MadeBy,
};
use holdfast_domain::tags::Tags;
use holdfast_ports::{Class, CreateDbSnapshot, DbInstances, DbSnapshots, ITEMS_MAX, SnapshotTaker};

use super::*;
use crate::replay::{ATTEMPTS, Answer, Replay, all_words, answer, assert_may_have_happened};

fn region() -> Region {
    "eu-central-1".parse().expect("legal")
}

fn room() -> DbInstanceId {
    "hf-rt-orders-db-0123456789ab".parse().expect("legal")
}

fn instance_xml(id: &str) -> String {
    format!(
        "<DBInstance>
           <DBInstanceIdentifier>{id}</DBInstanceIdentifier>
           <DBInstanceArn>arn:aws:rds:eu-central-1:123456789012:db:{id}</DBInstanceArn>
           <DBInstanceStatus>available</DBInstanceStatus>
           <Engine>postgres</Engine>
           <EngineVersion>15.8</EngineVersion>
           <MasterUsername>app</MasterUsername>
           <DBName>orders</DBName>
           <Endpoint><Address>{id}.example.rds.amazonaws.com</Address><Port>5432</Port><HostedZoneId>Z1</HostedZoneId></Endpoint>
           <PendingModifiedValues/>
           <DeletionProtection>true</DeletionProtection>
           <DBParameterGroups>
             <DBParameterGroup>
               <DBParameterGroupName>shop-15</DBParameterGroupName><ParameterApplyStatus>in-sync</ParameterApplyStatus>
             </DBParameterGroup>
           </DBParameterGroups>
           <OptionGroupMemberships>
             <OptionGroupMembership><OptionGroupName>default:postgres-15</OptionGroupName><Status>in-sync</Status></OptionGroupMembership>
           </OptionGroupMemberships>
           <LatestRestorableTime>2026-11-20T05:55:00Z</LatestRestorableTime>
           <PubliclyAccessible>false</PubliclyAccessible>
           <AllocatedStorage>20</AllocatedStorage>
           <BackupRetentionPeriod>7</BackupRetentionPeriod>
           <PreferredBackupWindow>01:00-01:30</PreferredBackupWindow>
           <StorageEncrypted>true</StorageEncrypted>
           <KmsKeyId>arn:aws:kms:eu-central-1:123456789012:key/1</KmsKeyId>
           <InstanceCreateTime>2026-11-01T08:00:00.123Z</InstanceCreateTime>
           <TagList><Tag><Key>owner</Key><Value>shop</Value></Tag><Tag><Key>empty</Key><Value/></Tag></TagList>
         </DBInstance>"
    )
}

fn snapshot_xml(id: &str) -> String {
    format!(
        "<DBSnapshot>
           <DBSnapshotIdentifier>{id}</DBSnapshotIdentifier>
           <DBSnapshotArn>arn:aws:rds:eu-central-1:123456789012:snapshot:{id}</DBSnapshotArn>
           <DBInstanceIdentifier>shop-orders</DBInstanceIdentifier>
           <Status>available</Status>
           <SnapshotType>manual</SnapshotType>
           <SnapshotCreateTime>2026-11-20T02:00:05.678Z</SnapshotCreateTime>
           <Engine>postgres</Engine>
           <EngineVersion>15.8</EngineVersion>
           <Encrypted>true</Encrypted>
           <KmsKeyId>arn:aws:kms:eu-central-1:123456789012:key/1</KmsKeyId>
           <OptionGroupName>default:postgres-15</OptionGroupName>
           <AllocatedStorage>20</AllocatedStorage>
           <FullSnapshotSizeInBytes>1073741824</FullSnapshotSizeInBytes>
           <TagList><Tag><Key>holdfast:rules</Key><Value>daily</Value></Tag></TagList>
         </DBSnapshot>"
    )
}

fn page(list: &str, items: &str, marker: Option<&str>) -> Answer {
    let marker = marker.map_or_else(String::new, |marker| format!("<Marker>{marker}</Marker>"));
    answer(
        200,
        format!(
            "<Describe{list}Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">\
               <Describe{list}Result>{marker}<{list}>{items}</{list}></Describe{list}Result>\
               <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>\
             </Describe{list}Response>"
        ),
    )
}

fn instances(items: &str, marker: Option<&str>) -> Answer {
    page("DBInstances", items, marker)
}

fn snapshots(items: &str, marker: Option<&str>) -> Answer {
    page("DBSnapshots", items, marker)
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    answer(
        status,
        format!(
            "<ErrorResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">\
               <Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
               <RequestId>1</RequestId>\
             </ErrorResponse>"
        ),
    )
}

fn done(action: &str) -> Answer {
    answer(
        200,
        format!(
            "<{action}Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><{action}Result/>\
               <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
        ),
    )
}

fn restore_request() -> RestoreDbInstance {
    RestoreDbInstance {
        region: region(),
        source: RoomSource::Snapshot("hf-orders-db-20261120t020000z-01234567".parse().expect("legal")),
        id: room(),
        instance_class: "db.t4g.medium".into(),
        subnet_group: "clean-room".into(),
        security_groups: vec!["sg-0a".into(), "sg-0b".into()],
        parameter_group: Some("inert".into()),
        option_group: Some("none".into()),
        tags: Tags::from([("holdfast:run".into(), "orders-db.every.20261120t020000z".into())]),
    }
}

fn create_request() -> CreateDbSnapshot {
    CreateDbSnapshot {
        region: region(),
        database: Database::Instance("shop-orders".parse().expect("legal")),
        id: "hf-orders-db-20261120t020000z-01234567".parse().expect("legal"),
        tags: Tags::from([("holdfast:plan".into(), "shop".into()), ("holdfast:rules".into(), "daily weekly".into())]),
    }
}

fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn a_listing_of_instances_is_every_page_of_it() {
    let replay = Replay::of([
        instances(&(instance_xml("a") + &instance_xml("b")), Some("after-b")),
        // RDS may give a page that holds nothing and still goes on.
        instances("", Some("after-nothing")),
        instances(&instance_xml("c"), None),
    ]);
    let seen = Rds::new(&replay.config()).db_instances(&region()).await.expect("a listing");
    assert_eq!(seen.iter().map(|instance| instance.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let asked: Vec<_> = replay.requests().iter().map(marker_and_size).collect();
    let size = Some("100".to_owned());
    assert_eq!(
        asked,
        [(None, size.clone()), (Some("after-b".to_owned()), size.clone()), (Some("after-nothing".to_owned()), size)]
    );
}

fn marker_and_size(request: &crate::replay::Request) -> (Option<String>, Option<String>) {
    let form = request.form();
    (form.get("Marker").cloned(), form.get("MaxRecords").cloned())
}

#[tokio::test]
async fn a_listing_of_snapshots_is_every_page_of_it() {
    let replay = Replay::of([
        snapshots(&snapshot_xml("hf-a"), Some("m")),
        snapshots(&snapshot_xml("rds:orders-2026-11-20"), None),
        snapshots(&snapshot_xml("awsbackup:job-1"), Some("n")),
        // One that was listed before is not listed twice, whatever a service makes of the type.
        snapshots(&(snapshot_xml("awsbackup:job-2") + &snapshot_xml("hf-a")), None),
    ]);
    let seen = Rds::new(&replay.config()).db_snapshots(&region()).await.expect("a listing");
    assert_eq!(
        seen.iter().map(|snapshot| snapshot.id.as_str()).collect::<Vec<_>>(),
        ["hf-a", "rds:orders-2026-11-20", "awsbackup:job-1", "awsbackup:job-2"]
    );
    // Without a type RDS gives those that the account owns but AWS Backup's, and none that others share with it.
    let asked: Vec<Option<String>> =
        replay.requests().iter().map(|request| request.form().get("SnapshotType").cloned()).collect();
    assert_eq!(asked, [None, None, Some("awsbackup".to_owned()), Some("awsbackup".to_owned())]);
    assert!(replay.requests().iter().all(|request| !request.form().contains_key("IncludeShared")));
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_an_error_and_never_a_part() {
    let broken = refusal(403, "AccessDenied", "not authorized");
    let replay = Replay::of([instances(&instance_xml("a"), Some("m")), broken.clone()]);
    let error = Rds::new(&replay.config()).db_instances(&region()).await.expect_err("half a listing");
    assert_eq!(error.kind, PortErrorKind::AccessDenied);

    let replay = Replay::of([snapshots(&snapshot_xml("hf-a"), Some("m")), broken]);
    let error = Rds::new(&replay.config()).db_snapshots(&region()).await.expect_err("half a listing");
    assert_eq!(error.kind, PortErrorKind::AccessDenied);
}

#[tokio::test]
async fn a_listing_longer_than_its_bound_is_an_error_whether_of_items_or_of_pages() {
    let minimal = |id: usize| {
        format!(
            "<DBInstance><DBInstanceIdentifier>i{id}</DBInstanceIdentifier><DBInstanceArn>arn</DBInstanceArn>\
             <DBInstanceStatus>available</DBInstanceStatus><Engine>postgres</Engine></DBInstance>"
        )
    };
    let items = |range: std::ops::Range<usize>| range.map(minimal).collect::<String>();
    let replay = Replay::of([instances(&items(0..ITEMS_MAX), Some("m")), instances(&items(0..1), None)]);
    let error = Rds::new(&replay.config()).db_instances(&region()).await.expect_err("one too many");
    assert_eq!(error.kind, PortErrorKind::TooMany);
    assert_eq!(error.to_string(), "rds:DescribeDBInstances of eu-central-1: more than 20000 items");

    let endless = (0..1_000).map(|n| snapshots("", Some(&format!("m{n}"))));
    let replay = Replay::of(endless);
    let error = Rds::new(&replay.config()).db_snapshots(&region()).await.expect_err("pages without end");
    assert_eq!(error.to_string(), "rds:DescribeDBSnapshots of eu-central-1: more than 400 pages");
    assert_eq!(error.class(), Class::Permanent);
    assert_eq!(replay.requests().len(), 401);
}

#[tokio::test]
async fn an_instance_is_read_field_by_field() {
    let replay = Replay::of([instances(&instance_xml("shop-orders"), None)]);
    let seen = Rds::new(&replay.config()).db_instances(&region()).await.expect("a look");
    assert_eq!(
        seen,
        [DbInstance {
            region: region(),
            id: "shop-orders".parse().expect("legal"),
            arn: "arn:aws:rds:eu-central-1:123456789012:db:shop-orders".into(),
            status: DbStatus::Available,
            endpoint: Some(Endpoint { host: "shop-orders.example.rds.amazonaws.com".into(), port: 5432 }),
            engine: "postgres".into(),
            engine_version: "15.8".into(),
            master_user: "app".into(),
            database: Some("orders".into()),
            password_pending: false,
            modification_pending: false,
            deletion_protection: true,
            parameter_group: Some("shop-15".into()),
            option_group: Some("default:postgres-15".into()),
            latest_restorable_at: Some("2026-11-20T05:55:00Z".parse().expect("a time")),
            backups: AutomatedBackups { retention_days: 7, window: DailyWindow::read("01:00-01:30") },
            cluster: None,
            encrypted: true,
            kms_key: Some("arn:aws:kms:eu-central-1:123456789012:key/1".into()),
            tags: Tags::from([("owner".into(), "shop".into()), ("empty".into(), String::new())]),
        }]
    );
    assert_eq!(replay.request().form(), form([("Action", "DescribeDBInstances"), ("MaxRecords", "100")]));
}

#[tokio::test]
async fn a_change_that_waits_is_seen_to_wait() {
    for (pending, expected) in [
        ("<MasterUserPassword>****</MasterUserPassword>", (true, false)),
        ("<BackupRetentionPeriod>0</BackupRetentionPeriod>", (false, true)),
        ("<MultiAZ>true</MultiAZ>", (false, false)),
    ] {
        let xml = instance_xml("hf-rt-a")
            .replace("<PendingModifiedValues/>", &format!("<PendingModifiedValues>{pending}</PendingModifiedValues>"));
        let replay = Replay::of([instances(&xml, None)]);
        let seen = Rds::new(&replay.config()).db_instances(&region()).await.expect("a listing");
        assert_eq!((seen[0].password_pending, seen[0].modification_pending), expected, "{pending}");
    }
}

#[tokio::test]
async fn a_snapshot_is_read_field_by_field_and_by_its_maker() {
    for (word, made_by) in [
        ("manual", MadeBy::Call),
        ("automated", MadeBy::Rds),
        ("awsbackup", MadeBy::AwsBackup),
        ("shared", MadeBy::Other),
    ] {
        let replay = Replay::of([snapshots(&snapshot_xml("hf-a").replace("manual", word), None), snapshots("", None)]);
        let seen = Rds::new(&replay.config()).db_snapshots(&region()).await.expect("a look");
        assert_eq!(
            seen,
            [DbSnapshot {
                region: region(),
                id: "hf-a".parse().expect("legal"),
                arn: "arn:aws:rds:eu-central-1:123456789012:snapshot:hf-a".into(),
                kind: DatabaseKind::Instance,
                database: "shop-orders".into(),
                status: DbSnapshotStatus::Available,
                made_by,
                taken_at: Some("2026-11-20T02:00:05.678Z".parse().expect("a time")),
                engine: "postgres".into(),
                engine_version: "15.8".into(),
                encrypted: true,
                kms_key: Some("arn:aws:kms:eu-central-1:123456789012:key/1".into()),
                option_group: Some("default:postgres-15".into()),
                size_bytes: Some(1 << 30),
                tags: Tags::from([("holdfast:rules".into(), "daily".into())]),
            }]
        );
    }
}

#[tokio::test]
async fn an_answer_that_lacks_a_field_is_invalid_and_says_which() {
    for field in ["DBInstanceArn", "DBInstanceStatus", "Engine"] {
        let xml = instance_xml("shop-orders")
            .replace(&format!("<{field}>"), "<Other>")
            .replace(&format!("</{field}>"), "</Other>");
        let replay = Replay::of([instances(&xml, None)]);
        let error = Rds::new(&replay.config()).db_instances(&region()).await.expect_err("incomplete");
        assert_eq!(error.kind, PortErrorKind::Invalid);
        assert_eq!(
            error.to_string(),
            format!("rds:DescribeDBInstances of shop-orders: the answer has no legal {field}")
        );
    }
    for field in ["DBSnapshotArn", "Status"] {
        let xml =
            snapshot_xml("hf-a").replace(&format!("<{field}>"), "<Other>").replace(&format!("</{field}>"), "</Other>");
        let replay = Replay::of([snapshots(&xml, None)]);
        let error = Rds::new(&replay.config()).db_snapshots(&region()).await.expect_err("incomplete");
        assert_eq!(error.to_string(), format!("rds:DescribeDBSnapshots of hf-a: the answer has no legal {field}"));
    }
}

/// Aurora, DocumentDB and Neptune answer the same calls under the same names; none of theirs may hide ours.
#[tokio::test]
async fn instances_of_other_engines_in_the_same_listing_do_not_break_it() {
    let other = |id: &str, engine: &str, status: &str| {
        format!(
            "<DBInstance><DBInstanceIdentifier>{id}</DBInstanceIdentifier><DBInstanceArn>arn:{id}</DBInstanceArn>\
             <DBInstanceStatus>{status}</DBInstanceStatus><Engine>{engine}</Engine><DBClusterIdentifier>c</DBClusterIdentifier>\
             <FieldOfTheFuture><Deep>1</Deep></FieldOfTheFuture></DBInstance>"
        )
    };
    let listing = other("docs-1", "docdb", "available")
        + &instance_xml("shop-orders")
        + &other("aurora-1", "aurora-postgresql", "configuring-something-new")
        + &other("Not_Ours_To_Name", "custom-oracle-ee", "available")
        + &other("graph-1", "neptune", "creating");
    let replay = Replay::of([instances(&listing, None)]);
    let seen = Rds::new(&replay.config()).db_instances(&region()).await.expect("a listing");
    let words: Vec<_> = seen.iter().map(|i| (i.id.as_str(), i.engine.as_str(), i.status.word())).collect();
    assert_eq!(
        words,
        [
            ("docs-1", "docdb", "available"),
            ("shop-orders", "postgres", "available"),
            ("aurora-1", "aurora-postgresql", "configuring-something-new"),
            ("graph-1", "neptune", "creating"),
        ]
    );
    assert!(seen.iter().filter(|instance| instance.engine != "postgres").all(|instance| instance.endpoint.is_none()));
}

#[tokio::test]
async fn a_refusal_is_read_by_its_code_and_only_what_can_help_is_tried_again() {
    use PortErrorKind::{
        AccessDenied, AlreadyExists, Invalid, InvalidState, NotFound, QuotaExceeded, Throttled, Unavailable,
    };
    for (status, code, kind, class, attempts) in [
        (400, "DBSnapshotAlreadyExists", AlreadyExists, Class::Permanent, 1),
        (400, "InvalidDBInstanceState", InvalidState, Class::Transient, 1),
        (400, "SnapshotQuotaExceeded", QuotaExceeded, Class::Transient, 1),
        (404, "DBInstanceNotFound", NotFound, Class::Permanent, 1),
        (403, "AccessDenied", AccessDenied, Class::Permanent, 1),
        (403, "ExpiredToken", AccessDenied, Class::Permanent, 1),
        (403, "InvalidClientTokenId", AccessDenied, Class::Permanent, 1),
        (403, "SignatureDoesNotMatch", AccessDenied, Class::Permanent, 1),
        (403, "AWord", AccessDenied, Class::Permanent, 1),
        (400, "KMSKeyNotAccessibleFault", AccessDenied, Class::Permanent, 1),
        (400, "InvalidParameterValue", Invalid, Class::Permanent, 1),
        (400, "Throttling", Throttled, Class::Transient, ATTEMPTS),
        (400, "RequestLimitExceeded", Throttled, Class::Transient, ATTEMPTS),
        (500, "InternalFailure", Unavailable, Class::Transient, ATTEMPTS),
        (503, "ServiceUnavailable", Unavailable, Class::Transient, ATTEMPTS),
    ] {
        let replay = Replay::always(refusal(status, code, "as AWS words it"));
        let error = Rds::new(&replay.config()).create_db_snapshot(&create_request()).await.expect_err(code);
        assert_eq!((error.kind, error.class()), (kind, class), "{code}");
        assert_eq!(replay.requests().len(), attempts, "{code}");
        assert_eq!(
            error.to_string(),
            format!("rds:CreateDBSnapshot of hf-orders-db-20261120t020000z-01234567: {code}: as AWS words it")
        );
    }
}

#[tokio::test]
async fn a_restore_that_finds_no_room_says_what_was_in_the_way() {
    for (status, code, kind) in [
        (400, "InstanceQuotaExceeded", PortErrorKind::QuotaExceeded),
        (400, "InsufficientDBInstanceCapacity", PortErrorKind::QuotaExceeded),
        (400, "StorageQuotaExceeded", PortErrorKind::QuotaExceeded),
        (400, "DBInstanceAlreadyExists", PortErrorKind::AlreadyExists),
        (404, "DBSnapshotNotFound", PortErrorKind::NotFound),
        (400, "InvalidDBSnapshotState", PortErrorKind::InvalidState),
        (404, "DBSubnetGroupNotFoundFault", PortErrorKind::NotFound),
    ] {
        let replay = Replay::of([refusal(status, code, "")]);
        let error = Rds::new(&replay.config()).restore_db_instance(&restore_request()).await.expect_err(code);
        assert_eq!(error.kind, kind, "{code}");
    }
}

#[tokio::test]
async fn throttled_once_is_not_told_to_anybody() {
    let replay = Replay::of([refusal(400, "Throttling", "Rate exceeded"), done("CreateDBSnapshot")]);
    Rds::new(&replay.config()).create_db_snapshot(&create_request()).await.expect("the second attempt");
}

#[tokio::test]
async fn a_lost_answer_and_silence_may_have_happened() {
    for nothing in [Answer::Lost, Answer::Silent] {
        let replay = Replay::always(nothing);
        let error = Rds::new(&replay.config()).create_db_snapshot(&create_request()).await.expect_err("no answer");
        assert_may_have_happened(&error);
        assert_eq!(replay.requests().len(), ATTEMPTS);
    }
    let replay = Replay::always(answer(200, "<CreateDBSnapshotResponse><CreateDBSna"));
    let error = Rds::new(&replay.config()).create_db_snapshot(&create_request()).await.expect_err("half an answer");
    assert_eq!(error.message, "an answer of HTTP status 200 that cannot be read");
    assert_may_have_happened(&error);
}

/// The SDK repeats a call whose answer was lost, and the repetition finds the first one's work. The caller looks and knows.
#[tokio::test]
async fn a_repetition_that_finds_the_first_ones_work_says_already_exists() {
    let replay = Replay::of([Answer::Lost, refusal(400, "DBSnapshotAlreadyExists", "it exists")]);
    let error = Rds::new(&replay.config()).create_db_snapshot(&create_request()).await.expect_err("the second attempt");
    assert_eq!(error.kind, PortErrorKind::AlreadyExists);
}

#[tokio::test]
async fn a_snapshot_is_asked_for_in_its_region_with_all_its_tags() {
    let replay = Replay::of([done("CreateDBSnapshot")]);
    let request = CreateDbSnapshot { region: "us-east-1".parse().expect("legal"), ..create_request() };
    Rds::new(&replay.config()).create_db_snapshot(&request).await.expect("accepted");
    let sent = replay.request();
    assert_eq!(sent.host, "rds.us-east-1.amazonaws.com");
    assert_eq!(
        sent.form(),
        form([
            ("Action", "CreateDBSnapshot"),
            ("DBInstanceIdentifier", "shop-orders"),
            ("DBSnapshotIdentifier", "hf-orders-db-20261120t020000z-01234567"),
            ("Tags.Tag.1.Key", "holdfast:plan"),
            ("Tags.Tag.1.Value", "shop"),
            ("Tags.Tag.2.Key", "holdfast:rules"),
            ("Tags.Tag.2.Value", "daily weekly"),
        ])
    );
}

/// Everything that seals a room is in the one request that makes it, and this is all of that request.
#[tokio::test]
async fn the_restore_request_carries_everything_that_seals_the_room() {
    let replay = Replay::of([done("RestoreDBInstanceFromDBSnapshot")]);
    Rds::new(&replay.config()).restore_db_instance(&restore_request()).await.expect("accepted");
    let sealed = form([
        ("Action", "RestoreDBInstanceFromDBSnapshot"),
        ("AutoMinorVersionUpgrade", "false"),
        ("DBInstanceClass", "db.t4g.medium"),
        ("DBInstanceIdentifier", "hf-rt-orders-db-0123456789ab"),
        ("DBParameterGroupName", "inert"),
        ("DBSnapshotIdentifier", "hf-orders-db-20261120t020000z-01234567"),
        ("DBSubnetGroupName", "clean-room"),
        ("DeletionProtection", "false"),
        ("EngineLifecycleSupport", "open-source-rds-extended-support-disabled"),
        ("MultiAZ", "false"),
        ("OptionGroupName", "none"),
        ("PubliclyAccessible", "false"),
        ("Tags.Tag.1.Key", "holdfast:run"),
        ("Tags.Tag.1.Value", "orders-db.every.20261120t020000z"),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.1", "sg-0a"),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.2", "sg-0b"),
    ]);
    assert_eq!(replay.request().form(), sealed);

    // Groups that the deployment does not name are RDS's defaults, and the request is silent on them.
    let replay = Replay::of([done("RestoreDBInstanceFromDBSnapshot")]);
    let bare = RestoreDbInstance { parameter_group: None, option_group: None, ..restore_request() };
    Rds::new(&replay.config()).restore_db_instance(&bare).await.expect("accepted");
    let mut fewer = sealed;
    fewer.remove("DBParameterGroupName");
    fewer.remove("OptionGroupName");
    assert_eq!(replay.request().form(), fewer);
}

/// The same of a point in time, word for word but for what is restored.
#[tokio::test]
async fn a_restore_to_a_point_in_time_is_sealed_as_one_of_a_snapshot_is() {
    let replay = Replay::of([done("RestoreDBInstanceFromDBSnapshot"), done("RestoreDBInstanceToPointInTime")]);
    let rds = Rds::new(&replay.config());
    let source = RoomSource::PointInTime {
        instance: "shop-orders".parse().expect("legal"),
        at: "2026-11-20T02:00:00.9Z".parse().expect("a time"),
    };
    rds.restore_db_instance(&restore_request()).await.expect("accepted");
    rds.restore_db_instance(&RestoreDbInstance { source, ..restore_request() }).await.expect("accepted");
    let mut sent: Vec<BTreeMap<String, String>> = replay.requests().iter().map(|request| request.form()).collect();
    let (mut in_time, mut of_snapshot) = (sent.pop().expect("two"), sent.pop().expect("two"));
    let mut taken = |name: &str| in_time.remove(name).unwrap_or_else(|| panic!("{name} was not sent"));
    assert_eq!(taken("Action"), "RestoreDBInstanceToPointInTime");
    assert_eq!(taken("SourceDBInstanceIdentifier"), "shop-orders");
    assert_eq!(taken("TargetDBInstanceIdentifier"), "hf-rt-orders-db-0123456789ab");
    // RDS takes whole seconds; what is below is cut off, never rounded up to what is not archived yet.
    assert_eq!(taken("RestoreTime"), "2026-11-20T02:00:00Z");
    for only in ["Action", "DBInstanceIdentifier", "DBSnapshotIdentifier"] {
        of_snapshot.remove(only);
    }
    assert_eq!(in_time, of_snapshot);
}

#[tokio::test]
async fn a_point_in_time_that_cannot_be_restored_says_why() {
    let source = RoomSource::PointInTime {
        instance: "shop-orders".parse().expect("legal"),
        at: "2026-11-20T02:00:00Z".parse().expect("a time"),
    };
    for (status, code, kind) in [
        (404, "DBInstanceNotFound", PortErrorKind::NotFound),
        (400, "PointInTimeRestoreNotEnabled", PortErrorKind::Invalid),
        (400, "InvalidRestoreFault", PortErrorKind::Invalid),
        (400, "InvalidDBInstanceState", PortErrorKind::InvalidState),
        (400, "InstanceQuotaExceeded", PortErrorKind::QuotaExceeded),
    ] {
        let replay = Replay::of([refusal(status, code, "in RDS's own words")]);
        let request = RestoreDbInstance { source: source.clone(), ..restore_request() };
        let error = Rds::new(&replay.config()).restore_db_instance(&request).await.expect_err(code);
        assert_eq!((error.kind, error.operation), (kind, "rds:RestoreDBInstanceToPointInTime"));
        assert!(error.message.contains("in RDS's own words"), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_is_not_temporary_is_refused_before_any_call() {
    let replay = Replay::of([]);
    let rds = Rds::new(&replay.config());
    for name in ["shop-orders", "hf-orders", "hf-rt", "hf-rtorders", "a-hf-rt-orders"] {
        let id: DbInstanceId = name.parse().expect("legal");
        let restore = rds.restore_db_instance(&RestoreDbInstance { id: id.clone(), ..restore_request() }).await;
        let delete = rds.delete_room(&region(), &id).await;
        let reset = rds.reset_master_password(&region(), &id, &Password::new("word".into())).await;
        for refused in [restore, delete, reset] {
            let error = refused.expect_err(name);
            assert_eq!(error.kind, PortErrorKind::Invalid);
            assert_eq!(error.message, "only names beginning with hf-rt- are touched");
        }
    }
    assert_eq!(replay.requests().len(), 0);
}

#[tokio::test]
async fn a_room_is_deleted_without_a_final_snapshot_and_with_its_backups() {
    let replay = Replay::of([done("DeleteDBInstance")]);
    Rds::new(&replay.config()).delete_room(&region(), &room()).await.expect("accepted");
    assert_eq!(
        replay.request().form(),
        form([
            ("Action", "DeleteDBInstance"),
            ("DBInstanceIdentifier", "hf-rt-orders-db-0123456789ab"),
            ("DeleteAutomatedBackups", "true"),
            ("SkipFinalSnapshot", "true"),
        ])
    );
}

#[tokio::test]
async fn a_room_that_is_gone_or_going_is_deleted_and_one_that_refuses_is_not() {
    for (status, code, message) in [
        (404, "DBInstanceNotFound", "DBInstance hf-rt-orders-db-0123456789ab not found."),
        (400, "InvalidDBInstanceState", "Instance hf-rt-orders-db-0123456789ab is already being deleted."),
    ] {
        let replay = Replay::of([refusal(status, code, message)]);
        Rds::new(&replay.config()).delete_room(&region(), &room()).await.expect(message);
    }
    for (status, code, message, kind) in [
        (400, "InvalidDBInstanceState", "Instance is not in available state.", PortErrorKind::InvalidState),
        (400, "InvalidParameterCombination", "Cannot delete protected DB Instance", PortErrorKind::Invalid),
        (403, "AccessDenied", "no rule says that it is already being deleted", PortErrorKind::AccessDenied),
    ] {
        let replay = Replay::of([refusal(status, code, message)]);
        let error = Rds::new(&replay.config()).delete_room(&region(), &room()).await.expect_err(message);
        assert_eq!(error.kind, kind);
    }
}

#[tokio::test]
async fn a_reset_turns_backups_off_in_the_same_request_and_at_once() {
    let replay = Replay::of([done("ModifyDBInstance")]);
    let password = Password::new("correct-horse".into());
    Rds::new(&replay.config()).reset_master_password(&region(), &room(), &password).await.expect("accepted");
    assert_eq!(
        replay.request().form(),
        form([
            ("Action", "ModifyDBInstance"),
            ("ApplyImmediately", "true"),
            ("BackupRetentionPeriod", "0"),
            ("DBInstanceIdentifier", "hf-rt-orders-db-0123456789ab"),
            ("MasterUserPassword", "correct-horse"),
        ])
    );
}

#[tokio::test]
async fn no_failure_of_a_reset_shows_the_password() {
    let password = Password::new("correct-horse".into());
    for failure in [
        Answer::Lost,
        Answer::Silent,
        refusal(400, "InvalidDBInstanceState", "busy"),
        refusal(503, "ServiceUnavailable", "later"),
        // Not what RDS answers, but what an endpoint in between might.
        answer(200, "<html>you sent MasterUserPassword=correct-horse"),
    ] {
        let replay = Replay::always(failure);
        let rds = Rds::new(&replay.config());
        let error = rds.reset_master_password(&region(), &room(), &password).await.expect_err("a failure");
        let shown = format!("{} {rds:?} {password:?}", all_words(&error));
        assert!(!shown.contains("correct-horse"), "{shown}");
    }
}
