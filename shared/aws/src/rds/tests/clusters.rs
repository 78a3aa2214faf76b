//! Clusters over the wire, and everything that AWS documents to go wrong with recovery points (source: RDS API Reference,
//! `DescribeDBClusters`, `CreateDBClusterSnapshot`, `AddTagsToResource`, `DescribeDBInstanceAutomatedBackups`, "Common Errors").

use holdfast_domain::inventory::{
    AutomatedBackups, DailyWindow, Database, DatabaseKind, DbCluster, DbSnapshot, DbSnapshotStatus, DbStatus, MadeBy,
    ReplicatedBackup, ServerlessCapacity,
};
use holdfast_domain::tags::Tags;
use holdfast_ports::{
    Class, CreateDbSnapshot, DbClusters, PortErrorKind, ReplicatedBackups, SnapshotTagger, SnapshotTaker,
};

use super::{done, form, marker_and_size, page, refusal, region};
use crate::Rds;
use crate::replay::{ATTEMPTS, Answer, Replay, answer, assert_may_have_happened};

fn cluster_xml(id: &str, engine: &str) -> String {
    format!(
        "<DBCluster>
           <DBClusterIdentifier>{id}</DBClusterIdentifier>
           <DBClusterArn>arn:aws:rds:eu-central-1:123456789012:cluster:{id}</DBClusterArn>
           <Status>available</Status>
           <Engine>{engine}</Engine>
           <EngineVersion>5.0.0</EngineVersion>
           <MasterUsername>master</MasterUsername>
           <DatabaseName></DatabaseName>
           <PendingModifiedValues><MasterUserPassword>****</MasterUserPassword></PendingModifiedValues>
           <DBClusterParameterGroup>shop-docdb5</DBClusterParameterGroup>
           <ServerlessV2ScalingConfiguration><MinCapacity>0.5</MinCapacity><MaxCapacity>16.0</MaxCapacity></ServerlessV2ScalingConfiguration>
           <AllocatedStorage>1</AllocatedStorage>
           <BackupRetentionPeriod>7</BackupRetentionPeriod>
           <PreferredBackupWindow>00:00-00:30</PreferredBackupWindow>
           <LatestRestorableTime>2026-11-20T01:55:00.123Z</LatestRestorableTime>
           <StorageEncrypted>true</StorageEncrypted>
           <KmsKeyId>arn:aws:kms:eu-central-1:123456789012:key/1</KmsKeyId>
           <DBClusterMembers><DBClusterMember><DBInstanceIdentifier>{id}-1</DBInstanceIdentifier><IsClusterWriter>true</IsClusterWriter></DBClusterMember></DBClusterMembers>
           <TagList><Tag><Key>owner</Key><Value>shop</Value></Tag></TagList>
         </DBCluster>"
    )
}

fn snapshot_xml(id: &str) -> String {
    format!(
        "<DBClusterSnapshot>
           <DBClusterSnapshotIdentifier>{id}</DBClusterSnapshotIdentifier>
           <DBClusterSnapshotArn>arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:{id}</DBClusterSnapshotArn>
           <DBClusterIdentifier>shop-docs</DBClusterIdentifier>
           <Status>available</Status>
           <SnapshotType>manual</SnapshotType>
           <SnapshotCreateTime>2026-11-20T02:00:05.678Z</SnapshotCreateTime>
           <Engine>docdb</Engine>
           <EngineVersion>5.0.0</EngineVersion>
           <AllocatedStorage>1</AllocatedStorage>
           <StorageEncrypted>true</StorageEncrypted>
           <TagList><Tag><Key>holdfast:rules</Key><Value>daily</Value></Tag></TagList>
         </DBClusterSnapshot>"
    )
}

fn backup_xml(source_region: &str, status: &str) -> String {
    format!(
        "<DBInstanceAutomatedBackup>
           <DBInstanceArn>arn:aws:rds:{source_region}:123456789012:db:shop-orders</DBInstanceArn>
           <DbiResourceId>db-1</DbiResourceId>
           <Region>{source_region}</Region>
           <DBInstanceIdentifier>shop-orders</DBInstanceIdentifier>
           <RestoreWindow><EarliestTime>2026-11-13T02:00:00Z</EarliestTime><LatestTime>2026-11-20T01:50:00Z</LatestTime></RestoreWindow>
           <Status>{status}</Status>
           <BackupRetentionPeriod>7</BackupRetentionPeriod>
         </DBInstanceAutomatedBackup>"
    )
}

fn request() -> CreateDbSnapshot {
    CreateDbSnapshot {
        region: region(),
        database: Database::Cluster("shop-docs".parse().expect("legal")),
        id: "hf-docs-20261120t020000z-01234567".parse().expect("legal"),
        tags: Tags::from([("holdfast:plan".into(), "shop".into()), ("holdfast:rules".into(), "daily".into())]),
    }
}

fn ours() -> DbSnapshot {
    DbSnapshot {
        region: region(),
        id: "hf-docs-20261120t020000z-01234567".parse().expect("legal"),
        arn: "arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:hf-docs-20261120t020000z-01234567".into(),
        kind: DatabaseKind::Cluster,
        database: "shop-docs".into(),
        status: DbSnapshotStatus::Available,
        made_by: MadeBy::Call,
        taken_at: Some("2026-11-20T02:00:05.678Z".parse().expect("a time")),
        engine: "docdb".into(),
        engine_version: "5.0.0".into(),
        encrypted: true,
        kms_key: None,
        option_group: None,
        size_bytes: None,
        tags: Tags::from([("holdfast:rules".into(), "daily".into())]),
    }
}

#[tokio::test]
async fn clusters_are_read_field_by_field_and_page_by_page_whatever_engine_they_are() {
    let replay = Replay::of([
        page("DBClusters", &cluster_xml("shop-docs", "docdb"), Some("m")),
        page("DBClusters", &(cluster_xml("shop-users", "aurora-postgresql") + &cluster_xml("graph", "neptune")), None),
    ]);
    let seen = Rds::new(&replay.config()).db_clusters(&region()).await.expect("a listing");
    let engines: Vec<_> = seen.iter().map(|cluster| (cluster.id.as_str(), cluster.engine.as_str())).collect();
    assert_eq!(engines, [("shop-docs", "docdb"), ("shop-users", "aurora-postgresql"), ("graph", "neptune")]);
    assert_eq!(
        seen[0],
        DbCluster {
            region: region(),
            id: "shop-docs".parse().expect("legal"),
            arn: "arn:aws:rds:eu-central-1:123456789012:cluster:shop-docs".into(),
            status: DbStatus::Available,
            engine: "docdb".into(),
            engine_version: "5.0.0".into(),
            master_user: "master".into(),
            database: None,
            password_pending: true,
            modification_pending: false,
            parameter_group: Some("shop-docdb5".into()),
            serverless: Some(ServerlessCapacity { min_half_acus: 1, max_half_acus: 32 }),
            latest_restorable_at: Some("2026-11-20T01:55:00.123Z".parse().expect("a time")),
            backups: AutomatedBackups { retention_days: 7, window: DailyWindow::read("00:00-00:30") },
            encrypted: true,
            kms_key: Some("arn:aws:kms:eu-central-1:123456789012:key/1".into()),
            tags: Tags::from([("owner".into(), "shop".into())]),
        }
    );
    let requests = replay.requests();
    assert_eq!(requests[0].host, "rds.eu-central-1.amazonaws.com", "DocumentDB answers at RDS's own endpoint");
    let size = Some("100".to_owned());
    let asked: Vec<_> = requests.iter().map(marker_and_size).collect();
    assert_eq!(asked, [(None, size.clone()), (Some("m".to_owned()), size)]);
}

#[tokio::test]
async fn cluster_snapshots_are_read_field_by_field_and_page_by_page() {
    let replay = Replay::of([
        page("DBClusterSnapshots", &snapshot_xml(ours().id.as_str()), Some("m")),
        page(
            "DBClusterSnapshots",
            &snapshot_xml("rds:shop-docs-2026-11-20-00-05").replace("manual", "automated"),
            None,
        ),
        page("DBClusterSnapshots", &snapshot_xml("awsbackup:job-1").replace("manual", "awsbackup"), None),
    ]);
    let seen = Rds::new(&replay.config()).db_cluster_snapshots(&region()).await.expect("a listing");
    assert_eq!(seen[0], ours());
    let makers: Vec<_> = seen.iter().map(|snapshot| snapshot.made_by).collect();
    assert_eq!(makers, [MadeBy::Call, MadeBy::Rds, MadeBy::AwsBackup]);
    let first = replay.requests()[0].form();
    assert!(!first.contains_key("SnapshotType") && !first.contains_key("IncludeShared"), "{first:?}");
    // Those of AWS Backup are told only to who asks for them.
    assert_eq!(replay.requests()[2].form().get("SnapshotType").map(String::as_str), Some("awsbackup"));
}

#[tokio::test]
async fn of_automated_backups_those_of_other_regions_are_replicated_ones() {
    let backups = backup_xml("eu-west-1", "replicating") + &backup_xml("eu-central-1", "active");
    let replay = Replay::of([page("DBInstanceAutomatedBackups", &backups, None)]);
    let seen = Rds::new(&replay.config()).replicated_backups(&region()).await.expect("a listing");
    assert_eq!(
        seen,
        [ReplicatedBackup {
            region: region(),
            source_arn: "arn:aws:rds:eu-west-1:123456789012:db:shop-orders".into(),
            status: "replicating".into(),
            retention_days: 7,
            latest_restorable_at: Some("2026-11-20T01:50:00Z".parse().expect("a time")),
        }]
    );
}

#[tokio::test]
async fn a_listing_that_breaks_off_or_is_refused_is_an_error_and_never_a_part() {
    use PortErrorKind::{AccessDenied, NotFound, Throttled, Unavailable};
    for (status, code, kind) in [
        (403, "AccessDenied", AccessDenied),
        (403, "ExpiredToken", AccessDenied),
        (403, "InvalidClientTokenId", AccessDenied),
        (400, "Throttling", Throttled),
        (503, "ServiceUnavailable", Unavailable),
        (404, "DBClusterNotFoundFault", NotFound),
        (404, "DBClusterSnapshotNotFoundFault", NotFound),
        (404, "DBInstanceAutomatedBackupNotFound", NotFound),
    ] {
        let then =
            |first: Answer| Replay::of([first].into_iter().chain((0..ATTEMPTS).map(|_| refusal(status, code, "no"))));
        let replay = then(page("DBClusters", &cluster_xml("shop-docs", "docdb"), Some("m")));
        let clusters = Rds::new(&replay.config()).db_clusters(&region()).await.expect_err("half a listing");
        let replay = then(page("DBClusterSnapshots", &snapshot_xml("hf-a"), Some("m")));
        let snapshots = Rds::new(&replay.config()).db_cluster_snapshots(&region()).await.expect_err("half a listing");
        let replay = then(page("DBInstanceAutomatedBackups", &backup_xml("eu-west-1", "active"), Some("m")));
        let backups = Rds::new(&replay.config()).replicated_backups(&region()).await.expect_err("half a listing");
        assert_eq!([clusters.kind, snapshots.kind, backups.kind], [kind; 3], "{code}");
    }
}

#[tokio::test]
async fn what_lacks_a_field_is_invalid_and_says_which() {
    let without = |xml: String, field: &str| {
        xml.replace(&format!("<{field}>"), "<Other>").replace(&format!("</{field}>"), "</Other>")
    };
    for field in ["DBClusterArn", "Status", "Engine"] {
        let replay = Replay::of([page("DBClusters", &without(cluster_xml("shop-docs", "docdb"), field), None)]);
        let error = Rds::new(&replay.config()).db_clusters(&region()).await.expect_err("incomplete");
        assert_eq!(error.to_string(), format!("rds:DescribeDBClusters of shop-docs: the answer has no legal {field}"));
    }
    for field in ["DBClusterSnapshotArn", "Status"] {
        let replay = Replay::of([page("DBClusterSnapshots", &without(snapshot_xml("hf-a"), field), None)]);
        let error = Rds::new(&replay.config()).db_cluster_snapshots(&region()).await.expect_err("incomplete");
        let words = format!("rds:DescribeDBClusterSnapshots of hf-a: the answer has no legal {field}");
        assert_eq!(error.to_string(), words);
    }
}

#[tokio::test]
async fn a_cluster_snapshot_is_asked_for_with_all_its_tags() {
    let replay = Replay::of([done("CreateDBClusterSnapshot")]);
    Rds::new(&replay.config()).create_db_snapshot(&request()).await.expect("accepted");
    assert_eq!(
        replay.request().form(),
        form([
            ("Action", "CreateDBClusterSnapshot"),
            ("DBClusterIdentifier", "shop-docs"),
            ("DBClusterSnapshotIdentifier", "hf-docs-20261120t020000z-01234567"),
            ("Tags.Tag.1.Key", "holdfast:plan"),
            ("Tags.Tag.1.Value", "shop"),
            ("Tags.Tag.2.Key", "holdfast:rules"),
            ("Tags.Tag.2.Value", "daily"),
        ])
    );
}

#[tokio::test]
async fn every_documented_refusal_of_a_cluster_snapshot_is_read_by_its_code() {
    use PortErrorKind::{AccessDenied, AlreadyExists, InvalidState, NotFound, QuotaExceeded, Throttled, Unavailable};
    for (status, code, kind, attempts) in [
        (404, "DBClusterNotFoundFault", NotFound, 1),
        (400, "DBClusterSnapshotAlreadyExistsFault", AlreadyExists, 1),
        (400, "InvalidDBClusterSnapshotStateFault", InvalidState, 1),
        (400, "InvalidDBClusterStateFault", InvalidState, 1),
        (400, "SnapshotQuotaExceeded", QuotaExceeded, 1),
        (403, "AccessDenied", AccessDenied, 1),
        (403, "ExpiredToken", AccessDenied, 1),
        (400, "KMSKeyNotAccessibleFault", AccessDenied, 1),
        (400, "Throttling", Throttled, ATTEMPTS),
        (500, "InternalFailure", Unavailable, ATTEMPTS),
    ] {
        let replay = Replay::always(refusal(status, code, "as AWS words it"));
        let error = Rds::new(&replay.config()).create_db_snapshot(&request()).await.expect_err(code);
        assert_eq!((error.kind, replay.requests().len()), (kind, attempts), "{code}");
        assert!(error.to_string().starts_with("rds:CreateDBClusterSnapshot of hf-docs-"), "{error}");
    }
    let replay = Replay::always(Answer::Lost);
    let error = Rds::new(&replay.config()).create_db_snapshot(&request()).await.expect_err("no answer");
    assert_may_have_happened(&error);
}

#[tokio::test]
async fn tags_are_added_by_arn_and_to_recovery_points_of_ours_alone() {
    let tags = Tags::from([("holdfast:rules".into(), "daily weekly".into())]);
    let replay = Replay::of([answer(
        200,
        "<AddTagsToResourceResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">\
           <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AddTagsToResourceResponse>",
    )]);
    Rds::new(&replay.config()).tag_db_snapshot(&ours(), &tags).await.expect("accepted");
    assert_eq!(
        replay.request().form(),
        form([
            ("Action", "AddTagsToResource"),
            ("ResourceName", ours().arn.as_str()),
            ("Tags.Tag.1.Key", "holdfast:rules"),
            ("Tags.Tag.1.Value", "daily weekly"),
        ])
    );

    let replay = Replay::of([]);
    let named = |id: &str, arn: &str| DbSnapshot { id: id.parse().expect("legal"), arn: arn.into(), ..ours() };
    for foreign in [
        named("somebodys", "arn:aws:rds:eu-central-1:123456789012:snapshot:somebodys"),
        named("hf-rt-orders", "arn:aws:rds:eu-central-1:123456789012:snapshot:hf-rt-orders"),
        named("rds:orders-2026-11-20", "arn:aws:rds:eu-central-1:123456789012:snapshot:rds:orders-2026-11-20"),
        // A name of ours over somebody else's ARN.
        named("hf-orders", "arn:aws:rds:eu-central-1:123456789012:snapshot:somebodys"),
    ] {
        let refused = Rds::new(&replay.config()).tag_db_snapshot(&foreign, &tags).await.expect_err("not ours");
        assert_eq!(refused.kind, PortErrorKind::Invalid, "{refused}");
    }
    assert_eq!(replay.requests().len(), 0);
}

#[tokio::test]
async fn every_documented_refusal_of_tags_is_read_by_its_code() {
    use PortErrorKind::{AccessDenied, InvalidState, NotFound, Throttled};
    for (status, code, kind, class) in [
        (404, "DBSnapshotNotFound", NotFound, Class::Permanent),
        (404, "DBClusterNotFoundFault", NotFound, Class::Permanent),
        (404, "DBInstanceNotFound", NotFound, Class::Permanent),
        (400, "InvalidDBInstanceState", InvalidState, Class::Transient),
        (400, "InvalidDBClusterStateFault", InvalidState, Class::Transient),
        (403, "AccessDenied", AccessDenied, Class::Permanent),
        (400, "Throttling", Throttled, Class::Transient),
    ] {
        let replay = Replay::always(refusal(status, code, "no"));
        let error = Rds::new(&replay.config()).tag_db_snapshot(&ours(), &Tags::new()).await.expect_err(code);
        assert_eq!((error.kind, error.class()), (kind, class), "{code}");
    }
}
