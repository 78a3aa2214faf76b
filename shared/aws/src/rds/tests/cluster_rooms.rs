//! Rooms that are clusters, over the wire (source: RDS API Reference and Amazon DocumentDB API Reference, `RestoreDBClusterFromSnapshot`,
//! `RestoreDBClusterToPointInTime`, `CreateDBInstance`, `ModifyDBCluster`, `DeleteDBInstance`, `DeleteDBCluster`).

use holdfast_domain::inventory::{AutomatedBackups, DbCluster, DbStatus, ServerlessCapacity};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbInstanceId};
use holdfast_ports::{ClusterRooms, ClusterSource, CreateMember, Password, PortError, PortErrorKind, RestoreDbCluster};

use super::{all_words, done, form, refusal, region};
use crate::Rds;
use crate::replay::{Answer, Replay};

const ROOM: &str = "hf-rt-carts-0123456789ab";

fn cluster_id() -> DbClusterId {
    ROOM.parse().expect("legal")
}

fn tags() -> Tags {
    Tags::from([("holdfast:run".into(), "carts.every.20261120t020000z".into())])
}

fn restore_request(engine: &str) -> RestoreDbCluster {
    RestoreDbCluster {
        region: region(),
        source: ClusterSource::Snapshot("hf-carts-20261120t020000z-01234567".parse().expect("legal")),
        id: cluster_id(),
        engine: engine.into(),
        engine_version: "15.4".into(),
        subnet_group: "clean-room".into(),
        security_groups: vec!["sg-0a".into(), "sg-0b".into()],
        parameter_group: Some("inert".into()),
        serverless: None,
        tags: tags(),
    }
}

fn member_request(engine: &str) -> CreateMember {
    CreateMember {
        region: region(),
        cluster: cluster_id(),
        id: ROOM.parse().expect("legal"),
        engine: engine.into(),
        instance_class: "db.r6g.large".into(),
        parameter_group: None,
        tags: tags(),
    }
}

fn cluster(id: &str, engine: &str) -> DbCluster {
    DbCluster {
        region: region(),
        id: id.parse().expect("legal"),
        arn: format!("arn:aws:rds:eu-central-1:123456789012:cluster:{id}"),
        status: DbStatus::Available,
        engine: engine.into(),
        engine_version: "15.4".into(),
        master_user: "app".into(),
        database: None,
        password_pending: false,
        modification_pending: false,
        parameter_group: None,
        serverless: None,
        latest_restorable_at: None,
        backups: AutomatedBackups::default(),
        encrypted: true,
        kms_key: None,
        tags: tags(),
    }
}

/// What seals a cluster of Aurora, whatever it is restored from.
const SEALED: [(&str, &str); 9] = [
    ("BackupRetentionPeriod", "1"),
    ("DBClusterParameterGroupName", "inert"),
    ("DBSubnetGroupName", "clean-room"),
    ("DeletionProtection", "false"),
    ("EngineLifecycleSupport", "open-source-rds-extended-support-disabled"),
    ("Tags.Tag.1.Key", "holdfast:run"),
    ("Tags.Tag.1.Value", "carts.every.20261120t020000z"),
    ("VpcSecurityGroupIds.VpcSecurityGroupId.1", "sg-0a"),
    ("VpcSecurityGroupIds.VpcSecurityGroupId.2", "sg-0b"),
];

#[tokio::test]
async fn a_cluster_is_sealed_by_the_request_that_restores_it() {
    let replay = Replay::of([done("RestoreDBClusterFromSnapshot"), done("RestoreDBClusterToPointInTime")]);
    let rds = Rds::new(&replay.config());
    rds.restore_db_cluster(&restore_request("aurora-postgresql")).await.expect("accepted");
    let source = ClusterSource::PointInTime {
        cluster: "shop-carts".parse().expect("legal"),
        at: "2026-11-20T02:00:00.9Z".parse().expect("a time"),
    };
    let in_time = RestoreDbCluster { source, ..restore_request("aurora-postgresql") };
    rds.restore_db_cluster(&in_time).await.expect("accepted");
    let sent: Vec<_> = replay.requests().iter().map(|request| request.form()).collect();
    let of_snapshot = [
        ("Action", "RestoreDBClusterFromSnapshot"),
        ("DBClusterIdentifier", ROOM),
        ("SnapshotIdentifier", "hf-carts-20261120t020000z-01234567"),
        ("Engine", "aurora-postgresql"),
        ("EngineVersion", "15.4"),
    ];
    assert_eq!(sent[0], form(SEALED.into_iter().chain(of_snapshot)));
    let in_time = [
        ("Action", "RestoreDBClusterToPointInTime"),
        ("DBClusterIdentifier", ROOM),
        ("SourceDBClusterIdentifier", "shop-carts"),
        // Whole seconds, cut off and never rounded up to what is not archived yet.
        ("RestoreToTime", "2026-11-20T02:00:00Z"),
        ("RestoreType", "full-copy"),
    ];
    assert_eq!(sent[1], form(SEALED.into_iter().chain(in_time)));
}

#[tokio::test]
async fn documentdb_is_sent_nothing_that_it_does_not_document() {
    let replay = Replay::of([
        done("RestoreDBClusterFromSnapshot"),
        done("CreateDBInstance"),
        done("ModifyDBCluster"),
        done("DeleteDBCluster"),
    ]);
    let rds = Rds::new(&replay.config());
    rds.restore_db_cluster(&restore_request("docdb")).await.expect("accepted");
    rds.create_member(&member_request("docdb")).await.expect("accepted");
    rds.reset_cluster_password(&region(), &cluster_id(), &Password::new("correct-horse".into())).await.expect("done");
    rds.delete_cluster(&cluster(ROOM, "docdb")).await.expect("accepted");
    let names = |index: usize| replay.requests()[index].form().into_keys().collect::<Vec<String>>();
    for (index, foreign) in [
        (0, ["BackupRetentionPeriod", "EngineLifecycleSupport"].as_slice()),
        (1, &["PubliclyAccessible", "DBParameterGroupName"]),
        (3, &["DeleteAutomatedBackups"]),
    ] {
        let sent = names(index);
        assert!(foreign.iter().all(|name| !sent.iter().any(|sent| sent == name)), "{sent:?}");
    }
    assert_eq!(replay.requests()[2].form().get("BackupRetentionPeriod").map(String::as_str), Some("1"));
}

#[tokio::test]
async fn a_member_is_not_public_and_bears_its_own_tags() {
    let replay = Replay::of([done("CreateDBInstance")]);
    Rds::new(&replay.config()).create_member(&member_request("aurora-postgresql")).await.expect("accepted");
    assert_eq!(
        replay.request().form(),
        form([
            ("Action", "CreateDBInstance"),
            ("AutoMinorVersionUpgrade", "false"),
            ("DBClusterIdentifier", ROOM),
            ("DBInstanceClass", "db.r6g.large"),
            ("DBInstanceIdentifier", ROOM),
            ("Engine", "aurora-postgresql"),
            ("PubliclyAccessible", "false"),
            ("Tags.Tag.1.Key", "holdfast:run"),
            ("Tags.Tag.1.Value", "carts.every.20261120t020000z"),
        ])
    );
}

#[tokio::test]
async fn capacity_is_given_in_the_restore_because_a_serverless_member_needs_it_there() {
    let replay = Replay::of([done("RestoreDBClusterFromSnapshot")]);
    let serverless = Some(ServerlessCapacity { min_half_acus: 1, max_half_acus: 32 });
    let request = RestoreDbCluster { serverless, ..restore_request("aurora-postgresql") };
    Rds::new(&replay.config()).restore_db_cluster(&request).await.expect("accepted");
    let sent = replay.request().form();
    let capacity = ["MinCapacity", "MaxCapacity"]
        .map(|name| sent.get(&format!("ServerlessV2ScalingConfiguration.{name}")).map(String::as_str));
    assert_eq!(capacity, [Some("0.5"), Some("16.0")]);
}

#[tokio::test]
async fn a_cluster_keeps_one_day_of_backups_because_none_is_refused() {
    let replay = Replay::of([done("ModifyDBCluster")]);
    let password = Password::new("correct-horse".into());
    Rds::new(&replay.config()).reset_cluster_password(&region(), &cluster_id(), &password).await.expect("accepted");
    assert_eq!(
        replay.request().form(),
        form([
            ("Action", "ModifyDBCluster"),
            ("ApplyImmediately", "true"),
            ("BackupRetentionPeriod", "1"),
            ("DBClusterIdentifier", ROOM),
            ("MasterUserPassword", "correct-horse"),
        ])
    );
}

#[tokio::test]
async fn no_failure_of_a_clusters_reset_shows_the_password() {
    let password = Password::new("correct-horse".into());
    for failure in [Answer::Lost, refusal(400, "InvalidDBClusterStateFault", "busy")] {
        let replay = Replay::always(failure);
        let rds = Rds::new(&replay.config());
        let error = rds.reset_cluster_password(&region(), &cluster_id(), &password).await.expect_err("a failure");
        assert!(!all_words(&error).contains("correct-horse"), "{error}");
    }
}

#[tokio::test]
async fn a_member_is_deleted_by_its_name_and_a_cluster_without_a_final_snapshot() {
    let replay = Replay::of([done("DeleteDBInstance"), done("DeleteDBCluster")]);
    let rds = Rds::new(&replay.config());
    rds.delete_member(&region(), &ROOM.parse().expect("legal")).await.expect("accepted");
    rds.delete_cluster(&cluster(ROOM, "aurora-postgresql")).await.expect("accepted");
    let sent: Vec<_> = replay.requests().iter().map(|request| request.form()).collect();
    assert_eq!(sent[0], form([("Action", "DeleteDBInstance"), ("DBInstanceIdentifier", ROOM)]));
    assert_eq!(
        sent[1],
        form([
            ("Action", "DeleteDBCluster"),
            ("DBClusterIdentifier", ROOM),
            ("DeleteAutomatedBackups", "true"),
            ("SkipFinalSnapshot", "true"),
        ])
    );
}

#[tokio::test]
async fn what_is_gone_or_going_is_deleted_and_what_refuses_is_not() {
    let member: DbInstanceId = ROOM.parse().expect("legal");
    for (status, code, message) in [
        (404, "DBInstanceNotFound", "not found."),
        (400, "InvalidDBInstanceState", "Instance is already being deleted."),
    ] {
        let replay = Replay::of([refusal(status, code, message)]);
        Rds::new(&replay.config()).delete_member(&region(), &member).await.expect(message);
    }
    for (status, code, message) in [
        (404, "DBClusterNotFoundFault", "not found."),
        (400, "InvalidDBClusterStateFault", "DB cluster is already being deleted."),
    ] {
        let replay = Replay::of([refusal(status, code, message)]);
        Rds::new(&replay.config()).delete_cluster(&cluster(ROOM, "docdb")).await.expect(message);
    }
    let still = "Cluster cannot be deleted, it still contains DB instances in non-deleting state.";
    let replay = Replay::of([refusal(400, "InvalidDBClusterStateFault", still)]);
    let error = Rds::new(&replay.config()).delete_cluster(&cluster(ROOM, "docdb")).await.expect_err(still);
    assert_eq!(error.kind, PortErrorKind::InvalidState);
}

#[tokio::test]
async fn a_cluster_that_cannot_be_restored_says_why() {
    for (status, code, kind) in [
        (404, "DBClusterSnapshotNotFoundFault", PortErrorKind::NotFound),
        (400, "DBClusterAlreadyExistsFault", PortErrorKind::AlreadyExists),
        (403, "DBClusterQuotaExceededFault", PortErrorKind::QuotaExceeded),
        (403, "InsufficientDBClusterCapacityFault", PortErrorKind::QuotaExceeded),
        (400, "InsufficientStorageClusterCapacity", PortErrorKind::QuotaExceeded),
        (400, "InvalidDBClusterSnapshotStateFault", PortErrorKind::InvalidState),
        (400, "InvalidRestoreFault", PortErrorKind::Invalid),
        (400, "KMSKeyNotAccessibleFault", PortErrorKind::AccessDenied),
    ] {
        let replay = Replay::of([refusal(status, code, "in RDS's own words")]);
        let request = restore_request("aurora-postgresql");
        let error = Rds::new(&replay.config()).restore_db_cluster(&request).await.expect_err(code);
        assert_eq!((error.kind, error.operation), (kind, "rds:RestoreDBClusterFromSnapshot"), "{code}");
        assert!(error.message.contains("in RDS's own words"), "{error}");
    }
}

#[tokio::test]
async fn a_cluster_or_member_that_bears_no_temporary_name_is_refused_before_any_call() {
    let replay = Replay::of([]);
    let rds = Rds::new(&replay.config());
    for name in ["shop-carts", "hf-carts", "hf-rt", "hf-rtcarts", "a-hf-rt-carts"] {
        let (id, member): (DbClusterId, DbInstanceId) = (name.parse().expect("legal"), name.parse().expect("legal"));
        let in_time = ClusterSource::PointInTime {
            cluster: "shop-carts".parse().expect("legal"),
            at: "2026-11-20T02:00:00Z".parse().expect("a time"),
        };
        let request = RestoreDbCluster { id: id.clone(), ..restore_request("docdb") };
        let answers: [Result<(), PortError>; 6] = [
            rds.restore_db_cluster(&request).await,
            rds.restore_db_cluster(&RestoreDbCluster { source: in_time, ..request }).await,
            rds.create_member(&CreateMember { id: member.clone(), ..member_request("docdb") }).await,
            rds.reset_cluster_password(&region(), &id, &Password::new("word".into())).await,
            rds.delete_member(&region(), &member).await,
            rds.delete_cluster(&cluster(name, "docdb")).await,
        ];
        for refused in answers {
            let error = refused.expect_err(name);
            assert_eq!(error.kind, PortErrorKind::Invalid);
            assert_eq!(error.message, "only names beginning with hf-rt- are touched");
        }
    }
    assert_eq!(replay.requests().len(), 0);
}
