//! What a caller may lean on where a room has a parameter group of its own: none without it, and it goes after the room.

use holdfast_domain::inventory::{DatabaseKind, DbInstance, DbStatus};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbInstanceId, DbSnapshotId};
use holdfast_ports::{
    DbInstances, MakeParameterGroup, ParameterGroupId, PortErrorKind, RestoreDbInstance, RoomParameters, RoomRestore,
    RoomSource,
};

use super::rds::{LOOKS_MAX, Stage, refused};

/// [`RoomRestore`] and [`RoomParameters`] together, on a snapshot of the stage's instance that is available.
///
/// `family` is the instance's; `pass` lets a little time pass. Leaves nothing.
///
/// # Panics
/// Where a rule does not hold.
pub async fn furnished_room<C>(cloud: &C, stage: &Stage, snapshot: &DbSnapshotId, family: &str, pass: impl AsyncFn())
where
    C: DbInstances + RoomRestore + RoomParameters,
{
    let room: DbInstanceId = "hf-rt-furnished".parse().expect("a legal identifier");
    let tags = Tags::from([("holdfast:run".into(), "conformance".into())]);
    let group = ParameterGroupId { region: stage.region.clone(), kind: DatabaseKind::Instance, name: room.to_string() };
    let restore = RestoreDbInstance {
        region: stage.region.clone(),
        source: RoomSource::Snapshot(snapshot.clone()),
        id: room.clone(),
        instance_class: "db.t4g.micro".into(),
        subnet_group: "conformance".into(),
        security_groups: vec!["sg-0123456789abcdef0".into()],
        parameter_group: Some(group.name.clone()),
        option_group: None,
        tags: tags.clone(),
    };
    refused(cloud.restore_db_instance(&restore).await, PortErrorKind::NotFound);
    assert_eq!(seen(cloud, stage, &room).await, None, "without its group there is no room");

    let make = MakeParameterGroup {
        group: group.clone(),
        family: family.into(),
        description: "made by a conformance suite".into(),
        parameters: [("work_mem".to_owned(), "8192".to_owned())].into(),
        tags,
    };
    cloud.make_parameter_group(&make).await.expect("a group");
    cloud.restore_db_instance(&restore).await.expect("a restore");
    refused(cloud.delete_parameter_group(&group).await, PortErrorKind::InvalidState);
    until("the room is available", &pass, async || {
        seen(cloud, stage, &room).await.is_some_and(|seen| seen.status == DbStatus::Available)
    })
    .await;
    let stands = seen(cloud, stage, &room).await.expect("it stays");
    assert_eq!(stands.parameter_group.as_deref(), Some(group.name.as_str()), "it says what it is run with");
    refused(cloud.delete_parameter_group(&group).await, PortErrorKind::InvalidState);

    cloud.delete_room(&stage.region, &room).await.expect("a deletion");
    // RDS may count a room that is gone among the group's users for a while.
    until("the room and then its group are gone", &pass, async || {
        seen(cloud, stage, &room).await.is_none() && cloud.delete_parameter_group(&group).await.is_ok()
    })
    .await;
}

async fn seen(cloud: &impl DbInstances, stage: &Stage, id: &DbInstanceId) -> Option<DbInstance> {
    let all = cloud.db_instances(&stage.region).await.expect("a look at the instances");
    all.into_iter().find(|seen| seen.id == *id)
}

async fn until(what: &str, pass: &impl AsyncFn(), holds: impl AsyncFn() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds().await {
            return;
        }
        pass().await;
    }
    panic!("{LOOKS_MAX} looks, and still not: {what}");
}
