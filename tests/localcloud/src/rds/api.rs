//! The HTTP side: a form in, XML out.
//!
//! Signatures are not checked, only read for the region: this server listens on the loopback address and guards nothing.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::cloud::{Cloud, random_id};
use super::errors::ApiError;
use super::identity::{Place, Region};
use super::parameter_groups::GroupOf;
use super::query::Request;
use super::xml::Element;
use super::{
    automated_backups, cluster_changes, cluster_restore, cluster_snapshots, clusters, describe_events, instances,
    modify, parameter_groups, parameters, point_in_time, power, restore, snapshots, tags,
};

pub(crate) fn router(cloud: Arc<Cloud>) -> Router {
    Router::new().route("/", post(handle)).with_state(cloud)
}

async fn handle(
    State(cloud): State<Arc<Cloud>>,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let region = region_of(&headers).unwrap_or_else(|| cloud.config.default_region.clone());
    let place = cloud.place(&region);
    let request_id = random_id();
    let outcome = answer(&cloud, &place, form);
    let (status, body) = match outcome {
        Ok(body) => (StatusCode::OK, body.child(Element::new("ResponseMetadata").text("RequestId", &request_id))),
        Err(error) => {
            tracing::debug!(%region, %error, "an RDS request was refused");
            let status = StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::BAD_REQUEST);
            (status, error.render(&request_id))
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/xml".to_owned()),
        (header::HeaderName::from_static("x-amzn-requestid"), request_id),
    ];
    (status, headers, body.render()).into_response()
}

fn answer(cloud: &Arc<Cloud>, place: &Place, form: Vec<(String, String)>) -> Result<Element, ApiError> {
    let request = Request::parse(form)?;
    if let Some(limit) = cloud.config.rate_limit
        && !cloud.with_region(place, |region| region.admit(limit, Instant::now()))
    {
        return Err(ApiError::throttling());
    }
    if let Some(error) = cloud.faults().take_error(request.action()) {
        return Err(error);
    }
    dispatch(cloud, place, &request)
}

fn dispatch(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let name = request.action();
    let result = if let Some(action) = action_on_one(name) {
        Element::new(format!("{name}Result")).child(action(cloud, place, request)?)
    } else if let Some(action) = action_on_many(name) {
        action(cloud, place, request)?
    } else {
        return Err(ApiError::invalid_action(name));
    };
    Ok(Element::root(format!("{name}Response")).child(result))
}

type Action = fn(&Arc<Cloud>, &Place, &Request) -> Result<Element, ApiError>;

/// Actions that answer with one resource.
fn action_on_one(name: &str) -> Option<Action> {
    Some(match name {
        "CreateDBInstance" => instances::create,
        "ModifyDBInstance" => modify::modify,
        "DeleteDBInstance" => instances::delete,
        "StopDBInstance" => power::stop,
        "StartDBInstance" => power::start,
        "CreateDBSnapshot" => snapshots::create,
        "DeleteDBSnapshot" => snapshots::delete,
        "RestoreDBInstanceFromDBSnapshot" => restore::restore,
        "RestoreDBInstanceToPointInTime" => point_in_time::restore,
        "StartDBInstanceAutomatedBackupsReplication" => automated_backups::replicate,
        "CreateDBCluster" => clusters::create,
        "ModifyDBCluster" => cluster_changes::modify,
        "DeleteDBCluster" => clusters::delete,
        "StopDBCluster" => cluster_changes::stop,
        "StartDBCluster" => cluster_changes::start,
        "CreateDBClusterSnapshot" => cluster_snapshots::create,
        "DeleteDBClusterSnapshot" => cluster_snapshots::delete,
        "RestoreDBClusterFromSnapshot" => cluster_restore::from_snapshot,
        "RestoreDBClusterToPointInTime" => cluster_restore::to_point_in_time,
        "CreateDBParameterGroup" => {
            |cloud, place, request| parameter_groups::create(GroupOf::Instances, cloud, place, request)
        }
        "CreateDBClusterParameterGroup" => {
            |cloud, place, request| parameter_groups::create(GroupOf::Clusters, cloud, place, request)
        }
        _ => return None,
    })
}

/// Actions that make the whole result themselves, because it is a list or nothing.
fn action_on_many(name: &str) -> Option<Action> {
    Some(match name {
        "DescribeDBInstances" => instances::describe,
        "DescribeDBSnapshots" => snapshots::describe,
        "DescribeDBClusters" => clusters::describe,
        "DescribeDBClusterSnapshots" => cluster_snapshots::describe,
        "DescribeDBInstanceAutomatedBackups" => automated_backups::describe,
        "DescribeEvents" => describe_events::describe,
        "AddTagsToResource" => tags::add,
        "RemoveTagsFromResource" => tags::remove,
        "ListTagsForResource" => tags::list,
        _ => return action_on_groups(name),
    })
}

/// The same of parameter groups, each once for those of instances and once for those of clusters.
fn action_on_groups(name: &str) -> Option<Action> {
    use GroupOf::{Clusters, Instances};
    Some(match name {
        "DescribeDBParameterGroups" => |cloud, place, asked| parameter_groups::describe(Instances, cloud, place, asked),
        "DescribeDBClusterParameterGroups" => {
            |cloud, place, asked| parameter_groups::describe(Clusters, cloud, place, asked)
        }
        "DeleteDBParameterGroup" => |cloud, place, asked| parameter_groups::delete(Instances, cloud, place, asked),
        "DeleteDBClusterParameterGroup" => {
            |cloud, place, asked| parameter_groups::delete(Clusters, cloud, place, asked)
        }
        "ModifyDBParameterGroup" => |cloud, place, asked| parameters::modify(Instances, cloud, place, asked),
        "ModifyDBClusterParameterGroup" => |cloud, place, asked| parameters::modify(Clusters, cloud, place, asked),
        "DescribeDBParameters" => |cloud, place, asked| parameters::describe(Instances, cloud, place, asked),
        "DescribeDBClusterParameters" => |cloud, place, asked| parameters::describe(Clusters, cloud, place, asked),
        _ => return None,
    })
}

/// The region of a Signature Version 4 credential scope: `Credential=<key>/<date>/<region>/rds/aws4_request`.
fn region_of(headers: &HeaderMap) -> Option<Region> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let scope = authorization.split("Credential=").nth(1)?.split(',').next()?;
    scope.split('/').nth(2).map(Region::new)
}
