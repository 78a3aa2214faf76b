"""Where the local RDS and moto differ, step by step of `rds_script.py`, and who is right.

"Who is right" is settled by AWS's documentation, named in each entry, never by taste. Where it is silent, the entry says so.
"""

from dataclasses import dataclass

API = "RDS API Reference"
GUIDE = "RDS User Guide"

OURS = "ours is right"
MOTO = "moto is right"
NOBODY_KNOWS = "not documented"


@dataclass(frozen=True)
class Difference:
    """What each says, who is right, and why."""

    ours: str
    moto: str
    right: str
    why: str


INVALID = "InvalidParameterValue 400"
INVALID_COMBINATION = "InvalidParameterCombination 400"

DIFFERENCES: dict[str, Difference] = {
    # moto's instances and snapshots are there at once. RDS's take minutes, and what Holdfast does in between is half of its work.
    "create an instance": Difference(
        "creating", "available", OURS,
        f'{GUIDE}, "Viewing Amazon RDS DB instance status": an instance is `creating` before it is `available`.',
    ),
    "snapshot it while it is being created": Difference(
        "InvalidDBInstanceState 400", "available", OURS,
        f"{API}, CreateDBSnapshot, Errors: InvalidDBInstanceState.",
    ),
    "take a snapshot": Difference(
        "creating", "available", OURS,
        f"{API}, CreateDBSnapshot, sample response: Status `creating`.",
    ),
    "restore with tags": Difference(
        "creating", "available", OURS,
        f"{API}, RestoreDBInstanceFromDBSnapshot, sample response: DBInstanceStatus `creating`.",
    ),
    "another password and no backups": Difference(
        "pending BackupRetentionPeriod, MasterUserPassword", "pending ", OURS,
        f"{API}, ModifyDBInstance: changes are applied asynchronously and stand in PendingModifiedValues until then.",
    ),
    "delete it again": Difference(
        "InvalidDBInstanceState 400", "DBInstanceNotFound 404", OURS,
        f"{API}, DeleteDBInstance: the status is `deleting` until the instance is gone; Errors: InvalidDBInstanceState.",
    ),
    # moto takes what RDS refuses. A function that was only tried against moto would meet these refusals on AWS first.
    "a password of five characters": Difference(
        INVALID, "available", OURS,
        f"{API}, CreateDBInstance, MasterUserPassword: RDS for PostgreSQL, 8 to 128 characters.",
    ),
    "a password with a slash": Difference(
        INVALID, "available", OURS,
        f'{API}, CreateDBInstance, MasterUserPassword: any printable ASCII character except "/", the double quote and "@".',
    ),
    "a new password of five characters": Difference(
        INVALID, "pending ", OURS,
        f"{API}, ModifyDBInstance, MasterUserPassword: RDS for PostgreSQL, 8 to 128 characters.",
    ),
    "without a master user": Difference(
        "MissingParameter 400", "available", OURS,
        f"{API}, CreateDBInstance, MasterUsername: required for RDS DB instances; Common Error Types: MissingParameter.",
    ),
    "a reserved master user": Difference(
        INVALID, "available", OURS,
        f"{API}, CreateDBInstance, MasterUsername: can't be a reserved word; {GUIDE}: rdsadmin is RDS's own user.",
    ),
    "a page of 19": Difference(
        INVALID, "orders", OURS, f"{API}, DescribeDBInstances, MaxRecords: minimum 20, maximum 100."
    ),
    "a page of 101": Difference(
        INVALID, "orders", OURS, f"{API}, DescribeDBInstances, MaxRecords: minimum 20, maximum 100."
    ),
    "list them in pages of 20": Difference(
        "20 + 1", "21", OURS,
        f"{API}, DescribeDBSnapshots, MaxRecords: if more records exist, a marker is returned. moto gives everything at once.",
    ),
    "a type that does not exist": Difference(
        INVALID, "none", OURS,
        f"{API}, DescribeDBSnapshots, SnapshotType: one of automated, manual, shared, public, awsbackup.",
    ),
    "a tag key of AWS's own": Difference(
        INVALID, "aws:x=1 rule=weekly", OURS, f'{API}, Tag, Key: can\'t be prefixed with "aws:" or "rds:".'
    ),
    "a tag with a letter that is not allowed": Difference(
        INVALID, "a*b=1 aws:x=1 rule=weekly", OURS, f"{API}, Tag, Key: letters, digits, white space and _.:/=+-@ only."
    ),
    "51 tags": Difference(
        INVALID, "54 tags", OURS, f'{GUIDE}, "Tagging Amazon RDS resources": at most 50 tags per resource.'
    ),
    "tags of a snapshot that is not there": Difference(
        "DBSnapshotNotFound 404", "no tags", OURS, f"{API}, ListTagsForResource, Errors: DBSnapshotNotFound."
    ),
    "tags of an instance that is not there": Difference(
        "DBInstanceNotFound 404", "no tags", OURS, f"{API}, ListTagsForResource, Errors: DBInstanceNotFound."
    ),
    "restore with another engine": Difference(
        INVALID_COMBINATION, "available", OURS,
        f"{API}, RestoreDBInstanceFromDBSnapshot, Engine: must be compatible with the engine of the source. The code is ours.",
    ),
    "neither with a final snapshot nor without": Difference(
        INVALID_COMBINATION, "deleting", OURS,
        f"{API}, DeleteDBInstance, SkipFinalSnapshot: otherwise FinalDBSnapshotIdentifier must be specified. The code is ours.",
    ),
    "both with a final snapshot and without": Difference(
        INVALID_COMBINATION, "deleting", OURS,
        f"{API}, DeleteDBInstance, FinalDBSnapshotIdentifier: with SkipFinalSnapshot it is an error. The code is ours.",
    ),
    # What moto shows less of, or more.
    "how far it is": Difference(
        "100 %", "no field PercentProgress", OURS, f"{API}, DBSnapshot: PercentProgress."
    ),
    "create the cluster again": Difference(
        "DBClusterAlreadyExistsFault 400", "DBClusterSnapshotAlreadyExistsFault 400", OURS,
        f"{API}, CreateDBCluster, Errors: DBClusterAlreadyExistsFault.",
    ),
    "an instance in the cluster": Difference(
        "creating", "available", OURS,
        f'{GUIDE}, "Viewing Amazon RDS DB instance status": an instance is `creating` before it is `available`.',
    ),
    "a DB snapshot of a member": Difference(
        INVALID, "available", OURS,
        'RDS itself answers: "The specified instance is a member of a cluster and a snapshot cannot be created directly" '
        "(quoted in issue 313 of cloud-custodian).",
    ),
    "take a cluster snapshot": Difference(
        "creating", "available", OURS,
        f"{API}, CreateDBClusterSnapshot, sample response: Status `creating`.",
    ),
    "a filter without values": Difference(
        INVALID, INVALID_COMBINATION, NOBODY_KNOWS,
        f"{API}, Filter, Values: required; no page says with which code a request without them is refused.",
    ),
}
