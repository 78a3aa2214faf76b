"""One boto3 script, run against the local RDS and against moto, step by step.

Neither is RDS. Where two emulations that were written apart from each other agree, neither has made it up; where they differ,
one of them is wrong or lenient, and `differences.py` says which, by which page of AWS's documentation. A difference that is not
listed fails the run, and so does a listed one that is gone: the list is the truth or it is nothing.

    rds_script.py OURS_URL MOTO_URL
"""

import re
import sys
import time
from collections.abc import Callable, Iterator

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from differences import DIFFERENCES

# A database starts in a second or two; the rest is for a machine that compiles at the same time.
SETTLED_WITHIN_SECONDS = 120
POLL_EVERY_SECONDS = 0.1


class Script:
    """The steps. Each gives one short text, free of what must differ: times, addresses, resource ids."""

    def __init__(self, url: str) -> None:
        # The answer is what counts here, so a refusal is not tried again. Nothing comes from the caller's environment or files.
        config = Config(retries={"total_max_attempts": 1}, read_timeout=30, proxies={})
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
        self.rds = session.client("rds", region_name="eu-central-1", endpoint_url=url, config=config)
        self.elsewhere = session.client("rds", region_name="us-east-1", endpoint_url=url, config=config)

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield from self._instances()
        yield from self._lists()
        yield from self._snapshots()
        yield from self._tags()
        yield from self._restores()
        yield from self._modifications()
        yield from self._deletions()
        yield from self._clusters()
        yield from self._cluster_snapshots()
        yield from self._cluster_deletions()

    # Steps, in order; later ones stand on what earlier ones made.

    def _instances(self) -> Iterator[tuple[str, Callable[[], str]]]:
        rds = self.rds
        yield "create an instance", lambda: self._status(self._create("Orders", Tags=tags(team="shop", tier="1")))
        yield "its identifier is kept in lower case", lambda: self._instance("orders")["DBInstanceIdentifier"]
        yield "snapshot it while it is being created", lambda: status(
            rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="early")["DBSnapshot"]
        )
        yield "it becomes available", lambda: self._settle_instance("orders")
        yield "find it by another case", lambda: self._instance("ORDERS")["DBInstanceIdentifier"]
        yield "find it by its ARN", lambda: self._instance(self._instance("orders")["DBInstanceArn"])["DBInstanceIdentifier"]
        yield "its ARN", lambda: self._instance("orders")["DBInstanceArn"].split(":", 5)[5]
        yield "its tags in the description", lambda: shown(self._instance("orders")["TagList"])
        yield "its master user and size", lambda: "{MasterUsername} {AllocatedStorage}".format(**self._instance("orders"))
        yield "its defaults", lambda: "retention {BackupRetentionPeriod}, protection {DeletionProtection}".format(
            **self._instance("orders")
        )
        yield "create it again", lambda: self._status(self._create("orders"))
        yield "a name with two hyphens in a row", lambda: self._status(self._create("a--b"))
        yield "a name that begins with a digit", lambda: self._status(self._create("1a"))
        yield "a password of five characters", lambda: self._status(self._create("b", MasterUserPassword="short"))
        yield "a password with a slash", lambda: self._status(self._create("c", MasterUserPassword="correct/horse"))
        yield "without a master user", lambda: self._status(self._create("d", MasterUsername=None))
        yield "a reserved master user", lambda: self._status(self._create("e", MasterUsername="rdsadmin"))
        yield "an engine that does not exist", lambda: self._status(self._create("f", Engine="oranges"))
        yield "an instance that is not there", lambda: self._instance("nope")["DBInstanceIdentifier"]
        yield "the same name in another region", lambda: str(
            len(self.elsewhere.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"])
        )

    def _lists(self) -> Iterator[tuple[str, Callable[[], str]]]:
        def instances(**arguments: object) -> str:
            found = self.rds.describe_db_instances(**arguments)["DBInstances"]
            return names(found, "DBInstanceIdentifier")

        def paged(size: int) -> str:
            pages = self.rds.get_paginator("describe_db_snapshots").paginate(
                DBInstanceIdentifier="orders", SnapshotType="manual", PaginationConfig={"PageSize": size}
            )
            return " + ".join(str(len(page["DBSnapshots"])) for page in pages)

        # moto makes instances of some requests that were refused above; the rest of the script must see the same ones.
        yield "clear what should not be there", lambda: self._clear({"orders"})
        yield "list", instances
        yield "filter by name", lambda: instances(Filters=[{"Name": "db-instance-id", "Values": ["orders"]}])
        yield "filter by another name", lambda: instances(Filters=[{"Name": "db-instance-id", "Values": ["other"]}])
        yield "filter by engine", lambda: instances(Filters=[{"Name": "engine", "Values": ["postgres"]}])
        yield "a filter that does not exist", lambda: instances(Filters=[{"Name": "colour", "Values": ["red"]}])
        yield "a filter without values", lambda: instances(Filters=[{"Name": "engine", "Values": []}])
        yield "a page of 19", lambda: instances(MaxRecords=19)
        yield "a page of 101", lambda: instances(MaxRecords=101)
        # As many as need a second page of the smallest size, taken one after the other: an instance takes one at a time.
        yield "take 21 snapshots", lambda: self._take_many(21)
        yield "list them in pages of 20", lambda: paged(20)
        yield "list them in pages of 100", lambda: paged(100)
        yield "delete all but one of them", lambda: self._delete_many(20)

    def _snapshots(self) -> Iterator[tuple[str, Callable[[], str]]]:
        rds = self.rds

        def take(name: str, instance: str = "orders", **arguments: object) -> str:
            return status(
                rds.create_db_snapshot(DBInstanceIdentifier=instance, DBSnapshotIdentifier=name, **arguments)["DBSnapshot"]
            )

        def snapshots(**arguments: object) -> str:
            return names(rds.describe_db_snapshots(**arguments)["DBSnapshots"], "DBSnapshotIdentifier")

        yield "take a snapshot", lambda: take("Nightly", Tags=tags(rule="daily"))
        yield "the snapshot becomes available", lambda: self._settle_snapshot("nightly")
        yield "and the instance again", lambda: self._settle_instance("orders")
        yield "what it is of", lambda: "{DBInstanceIdentifier} {SnapshotType}".format(
            **self._snapshot("nightly")
        )
        yield "how far it is", lambda: "{PercentProgress} %".format(**self._snapshot("nightly"))
        yield "a snapshot's ARN", lambda: self._snapshot("nightly")["DBSnapshotArn"].split(":", 5)[5]
        yield "its tags: its own, none of the instance's", lambda: shown(self._snapshot("nightly")["TagList"])
        yield "take it again", lambda: take("nightly")
        yield "take one of nothing", lambda: take("other", instance="nope")
        yield "a snapshot's name with a colon", lambda: take("rds:nightly")
        yield "a snapshot that is not there", lambda: snapshots(DBSnapshotIdentifier="nope")
        yield "a snapshot in another region", lambda: names(
            self.elsewhere.describe_db_snapshots()["DBSnapshots"], "DBSnapshotIdentifier"
        )
        yield "manual ones of the instance", lambda: snapshots(SnapshotType="manual", DBInstanceIdentifier="orders")
        yield "snapshots of no such instance", lambda: snapshots(DBInstanceIdentifier="nope")
        yield "all manual ones", lambda: snapshots(SnapshotType="manual")
        yield "automated ones of the instance", lambda: snapshots(SnapshotType="automated", DBInstanceIdentifier="orders")
        yield "a type that does not exist", lambda: snapshots(SnapshotType="hourly")
        yield "snapshots by filter", lambda: snapshots(Filters=[{"Name": "db-snapshot-id", "Values": ["nightly"]}])
        yield "snapshots by filter of an instance", lambda: snapshots(Filters=[{"Name": "db-instance-id", "Values": ["nope"]}])

    def _tags(self) -> Iterator[tuple[str, Callable[[], str]]]:
        rds = self.rds

        def arn() -> str:
            return self._snapshot("nightly")["DBSnapshotArn"]

        def listed(name: str) -> str:
            return shown(rds.list_tags_for_resource(ResourceName=name)["TagList"])

        def add(name: str, **pairs: str) -> str:
            rds.add_tags_to_resource(ResourceName=name, Tags=tags(**pairs))
            return listed(name)

        def remove(name: str, *keys: str) -> str:
            rds.remove_tags_from_resource(ResourceName=name, TagKeys=list(keys))
            return listed(name)

        yield "list a snapshot's tags", lambda: listed(arn())
        yield "add two tags, one anew", lambda: add(arn(), rule="weekly", run="1")
        yield "remove a tag", lambda: remove(arn(), "run")
        yield "remove a tag that is not there", lambda: remove(arn(), "run")
        yield "tags of an instance", lambda: listed(self._instance("orders")["DBInstanceArn"])
        yield "a tag key of AWS's own", lambda: add(arn(), **{"aws:x": "1"})
        yield "a tag with a letter that is not allowed", lambda: add(arn(), **{"a*b": "1"})
        yield "51 tags", lambda: add(arn(), **{f"k{number:02}": "v" for number in range(51)})
        yield "remove them", lambda: remove(arn(), "aws:x", "a*b", *(f"k{number:02}" for number in range(51)))
        yield "tags of a snapshot that is not there", lambda: listed(arn().replace("nightly", "nope"))
        yield "tags of an instance that is not there", lambda: listed(
            self._instance("orders")["DBInstanceArn"].replace("orders", "nope")
        )
        yield "tags of what is no ARN", lambda: listed("orders")

    def _restores(self) -> Iterator[tuple[str, Callable[[], str]]]:
        def restore(name: str, snapshot: str = "nightly", **arguments: object) -> str:
            answer = self.rds.restore_db_instance_from_db_snapshot(
                DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **arguments
            )
            return self._status(answer)

        def restored_bare() -> str:
            restore("hf-rt-bare")
            return self._settle_instance("hf-rt-bare")

        def restored(*names: str) -> str:
            for name in names:
                restore(name, Tags=tags(run="1"))
            return self._settle_instance(*names)

        yield "restore with tags", lambda: restore("hf-rt-tagged", Tags=tags(run="1"))
        yield "restore without tags", lambda: restored_bare()
        yield "the first is available too", lambda: self._settle_instance("hf-rt-tagged")
        yield "tags given: those, and none of the source's", lambda: shown(self._instance("hf-rt-tagged")["TagList"])
        yield "no tags given: the source's", lambda: shown(self._instance("hf-rt-bare")["TagList"])
        yield "what a restore keeps", lambda: "{MasterUsername} {AllocatedStorage} {Engine}".format(
            **self._instance("hf-rt-bare")
        )
        yield "restore over an instance", lambda: restore("orders")
        yield "restore from nothing", lambda: restore("hf-rt-other", snapshot="nope")
        yield "restore with another engine", lambda: restore("hf-rt-engine", Engine="mysql")
        yield "clear that again", lambda: self._clear({"orders", "hf-rt-tagged", "hf-rt-bare"})
        yield "one for each deletion that must be refused", lambda: restored("hf-rt-neither", "hf-rt-both", "hf-rt-taken")

    def _modifications(self) -> Iterator[tuple[str, Callable[[], str]]]:
        def modify(name: str, **arguments: object) -> str:
            answer = self.rds.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **arguments)
            return "pending " + ", ".join(sorted(answer["DBInstance"].get("PendingModifiedValues", {})))

        yield "another password and no backups", lambda: modify(
            "hf-rt-tagged", MasterUserPassword="another-horse", BackupRetentionPeriod=0
        )
        yield "applied", lambda: self._settle_instance("hf-rt-tagged")
        yield "retention then", lambda: str(self._instance("hf-rt-tagged")["BackupRetentionPeriod"])
        yield "a new password of five characters", lambda: modify("hf-rt-tagged", MasterUserPassword="short")
        yield "modify what is not there", lambda: modify("nope", BackupRetentionPeriod=0)
        yield "protect", lambda: modify("hf-rt-tagged", DeletionProtection=True)
        yield "protected", lambda: f"{self._settle_instance('hf-rt-tagged')}, " + str(
            self._instance("hf-rt-tagged")["DeletionProtection"]
        )

    def _deletions(self) -> Iterator[tuple[str, Callable[[], str]]]:
        rds = self.rds

        def delete(name: str, **arguments: object) -> str:
            return self._status(rds.delete_db_instance(DBInstanceIdentifier=name, **arguments))

        def delete_snapshot(name: str) -> str:
            return rds.delete_db_snapshot(DBSnapshotIdentifier=name)["DBSnapshot"]["DBSnapshotIdentifier"]

        def unprotect(name: str) -> str:
            rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
            return self._settle_instance(name)

        def late() -> str:
            rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="hf-rt-late", DBSnapshotIdentifier="nightly")
            return self._settle_instance("hf-rt-late")

        yield "delete what is protected", lambda: delete("hf-rt-tagged", SkipFinalSnapshot=True)
        yield "neither with a final snapshot nor without", lambda: delete("hf-rt-neither")
        yield "both with a final snapshot and without", lambda: delete(
            "hf-rt-both", SkipFinalSnapshot=True, FinalDBSnapshotIdentifier="last"
        )
        yield "a final snapshot under a name that is taken", lambda: delete("hf-rt-taken", FinalDBSnapshotIdentifier="nightly")
        yield "none of these took a snapshot", lambda: self._manual_snapshots()
        yield "with a final snapshot", lambda: delete("hf-rt-bare", FinalDBSnapshotIdentifier="last")
        yield "delete it again", lambda: delete("hf-rt-bare", SkipFinalSnapshot=True)
        yield "it is gone", lambda: self._gone("hf-rt-bare")
        yield "its final snapshot stays", lambda: self._settle_snapshot("last")
        yield "unprotect", lambda: unprotect("hf-rt-tagged")
        yield "then delete", lambda: delete("hf-rt-tagged", SkipFinalSnapshot=True)
        yield "delete an instance that is not there", lambda: delete("nope", SkipFinalSnapshot=True)
        yield "delete the source", lambda: delete("orders", SkipFinalSnapshot=True)
        yield "it is gone too", lambda: self._gone("orders")
        yield "its snapshots stay", lambda: self._manual_snapshots()
        yield "restore from a snapshot whose source is gone", lambda: late()
        yield "with the tags that the source had then", lambda: shown(self._instance("hf-rt-late")["TagList"])
        yield "delete a snapshot", lambda: delete_snapshot("last")
        yield "delete it twice", lambda: delete_snapshot("last")

    def _clusters(self) -> Iterator[tuple[str, Callable[[], str]]]:
        rds = self.rds

        def create(name: str, **changes: object) -> str:
            arguments = {
                "DBClusterIdentifier": name,
                "Engine": "aurora-postgresql",
                "MasterUsername": "app",
                "MasterUserPassword": "correct-horse",
                "StorageEncrypted": True,
                "Tags": tags(team="shop"),
            } | changes
            return status(rds.create_db_cluster(**arguments)["DBCluster"])

        def member(name: str, cluster: str = "shop", **arguments: object) -> str:
            answer = rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBClusterIdentifier=cluster,
                DBInstanceClass="db.r6g.large",
                Engine="aurora-postgresql",
                **arguments,
            )
            return self._status(answer)

        def members() -> str:
            return " ".join(
                f"{one['DBInstanceIdentifier']} {'writes' if one['IsClusterWriter'] else 'reads'}"
                for one in self._cluster("shop")["DBClusterMembers"]
            )

        yield "create a cluster", lambda: create("Shop")
        yield "the cluster becomes available", lambda: self._settle_cluster("shop")
        yield "a cluster's ARN", lambda: self._cluster("shop")["DBClusterArn"].split(":", 5)[5]
        yield "its retention and encryption", lambda: "{BackupRetentionPeriod} {StorageEncrypted}".format(**self._cluster("shop"))
        yield "a new cluster has no members", lambda: members() or "none"
        yield "create the cluster again", lambda: create("shop")
        yield "a cluster that is not there", lambda: self._cluster("nope")["Status"]
        yield "an instance in no such cluster", lambda: member("lost", cluster="nope")
        yield "an instance in the cluster", lambda: member("shop-1")
        yield "and it becomes available", lambda: self._settle_instance("shop-1")
        yield "it names its cluster", lambda: self._instance("shop-1")["DBClusterIdentifier"]
        yield "the cluster names it", members
        yield "a DB snapshot of a member", lambda: status(
            rds.create_db_snapshot(DBInstanceIdentifier="shop-1", DBSnapshotIdentifier="wrong")["DBSnapshot"]
        )

    def _cluster_snapshots(self) -> Iterator[tuple[str, Callable[[], str]]]:
        rds = self.rds

        def take(name: str, cluster: str = "shop") -> str:
            answer = rds.create_db_cluster_snapshot(DBClusterIdentifier=cluster, DBClusterSnapshotIdentifier=name)
            return status(answer["DBClusterSnapshot"])

        def snapshot(name: str) -> dict:
            return rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)["DBClusterSnapshots"][0]

        def taken(name: str) -> str:
            within_patience(lambda: snapshot(name)["Status"] == "available")
            self._settle_cluster("shop")
            return snapshot(name)["Status"]

        def restored() -> str:
            rds.restore_db_cluster_from_snapshot(
                DBClusterIdentifier="room", SnapshotIdentifier="shop-1", Engine="aurora-postgresql", Tags=tags(run="1")
            )
            return self._settle_cluster("room")

        yield "take a cluster snapshot", lambda: take("Shop-1")
        yield "the cluster snapshot becomes available", lambda: taken("shop-1")
        yield "a cluster snapshot's ARN", lambda: snapshot("shop-1")["DBClusterSnapshotArn"].split(":", 5)[5]
        yield "what the cluster snapshot is of", lambda: "{DBClusterIdentifier} {SnapshotType} {StorageEncrypted}".format(
            **snapshot("shop-1")
        )
        yield "take the cluster snapshot again", lambda: take("shop-1")
        yield "take one of no such cluster", lambda: take("other", cluster="nope")
        yield "a cluster snapshot that is not there", lambda: snapshot("nope")["Status"]
        yield "manual cluster snapshots", lambda: names(
            rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"], "DBClusterSnapshotIdentifier"
        )
        yield "restore a cluster", restored
        yield "a restored cluster has no members", lambda: str(len(self._cluster("room")["DBClusterMembers"]))
        yield "a restored cluster's tags", lambda: shown(self._cluster("room")["TagList"])
        yield "restore a cluster from nothing", lambda: status(
            rds.restore_db_cluster_from_snapshot(
                DBClusterIdentifier="lost", SnapshotIdentifier="nope", Engine="aurora-postgresql"
            )["DBCluster"]
        )

    def _cluster_deletions(self) -> Iterator[tuple[str, Callable[[], str]]]:
        rds = self.rds

        def delete(name: str, **arguments: object) -> str:
            return rds.delete_db_cluster(DBClusterIdentifier=name, **arguments)["DBCluster"]["DBClusterIdentifier"]

        def emptied() -> str:
            rds.delete_db_instance(DBInstanceIdentifier="shop-1", SkipFinalSnapshot=True)
            return self._gone("shop-1")

        def snapshot_deleted(name: str) -> str:
            answer = rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
            return answer["DBClusterSnapshot"]["DBClusterSnapshotIdentifier"]

        yield "delete a cluster with a member", lambda: delete("shop", SkipFinalSnapshot=True)
        yield "delete the member", emptied
        yield "delete the cluster", lambda: delete("shop", SkipFinalSnapshot=True)
        yield "delete the restored one", lambda: delete("room", SkipFinalSnapshot=True)
        yield "delete a cluster that is not there", lambda: delete("nope", SkipFinalSnapshot=True)
        yield "delete a cluster snapshot", lambda: snapshot_deleted("shop-1")
        yield "delete the cluster snapshot twice", lambda: snapshot_deleted("shop-1")

    # What steps are made of.

    def _create(self, name: str, **changes: object) -> dict:
        arguments = {
            "DBInstanceIdentifier": name,
            "DBInstanceClass": "db.t4g.micro",
            "Engine": "postgres",
            "MasterUsername": "app",
            "MasterUserPassword": "correct-horse",
            "AllocatedStorage": 20,
        } | changes
        return self.rds.create_db_instance(**{key: value for key, value in arguments.items() if value is not None})

    def _status(self, answer: dict) -> str:
        return status(answer["DBInstance"])

    def _instance(self, name: str) -> dict:
        return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def _snapshot(self, name: str) -> dict:
        return self.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]

    def _cluster(self, name: str) -> dict:
        return self.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]

    def _settle_cluster(self, name: str) -> str:
        within_patience(lambda: self._cluster(name)["Status"] == "available")
        return self._cluster(name)["Status"]

    def _settle_instance(self, *instances: str) -> str:
        def settled() -> bool:
            seen = [self._instance(name) for name in instances]
            return all(one["DBInstanceStatus"] == "available" and not one.get("PendingModifiedValues") for one in seen)

        return "available" if within_patience(settled) else status(self._instance(instances[0]))

    def _settle_snapshot(self, name: str) -> str:
        within_patience(lambda: self._snapshot(name)["Status"] == "available")
        return self._snapshot(name)["Status"]

    def _gone(self, name: str) -> str:
        def gone() -> bool:
            listed = self.rds.describe_db_instances()["DBInstances"]
            return all(instance["DBInstanceIdentifier"] != name for instance in listed)

        return "gone" if within_patience(gone) else "still there"

    def _manual_snapshots(self) -> str:
        return names(self.rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"], "DBSnapshotIdentifier")

    def _take_many(self, count: int) -> str:
        for number in range(count):
            name = f"many-{number:02}"
            self.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier=name)
            self._settle_snapshot(name)
            self._settle_instance("orders")
        return str(count)

    def _delete_many(self, count: int) -> str:
        for number in range(count):
            self.rds.delete_db_snapshot(DBSnapshotIdentifier=f"many-{number:02}")
        left = self.rds.describe_db_snapshots(DBInstanceIdentifier="orders")["DBSnapshots"]
        return f"{len([one for one in left if one['DBSnapshotIdentifier'].startswith('many-')])} left"

    def _clear(self, wanted: set[str]) -> str:
        """Always the same text: what was there is another step's business."""
        for instance in self.rds.describe_db_instances()["DBInstances"]:
            name = instance["DBInstanceIdentifier"]
            if name not in wanted:
                self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
                self._gone(name)
        for snapshot in self.rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]:
            if snapshot["DBSnapshotIdentifier"] in ("early", "rds:nightly"):
                self.rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])
        return "cleared"


def status(resource: dict) -> str:
    return resource["DBInstanceStatus"] if "DBInstanceStatus" in resource else resource["Status"]


def tags(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def shown(tag_list: list[dict[str, str]]) -> str:
    if len(tag_list) > 5:
        return f"{len(tag_list)} tags"
    return " ".join(sorted(f"{tag['Key']}={tag['Value']}" for tag in tag_list)) or "no tags"


def names(resources: list[dict], field: str) -> str:
    # An automated snapshot has the time in its name: rds:orders-2026-11-20-02-00.
    return " ".join(sorted(re.sub(r"(-\d+){5}$", "-TIME", one[field]) for one in resources)) or "none"


def within_patience(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_EVERY_SECONDS)
    return True


def outcome(step: Callable[[], str]) -> str:
    """What a step came to: its text, or the code by which a client tells errors apart, and the HTTP status."""
    try:
        return step()
    except ClientError as error:
        return f"{error.response['Error']['Code']} {error.response['ResponseMetadata']['HTTPStatusCode']}"
    except KeyError as error:
        return f"no field {error.args[0]}"
    except ParamValidationError as error:
        raise SystemExit(f"boto3 itself refuses this step: {error}") from error


def run(url: str) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    for name, step in Script(url).steps():
        assert name not in outcomes, f"two steps are called {name!r}"
        outcomes[name] = outcome(step)
    return outcomes


def compare(ours: dict[str, str], moto: dict[str, str]) -> list[str]:
    """Prints the table and gives what is wrong."""
    wrong = []
    widths = [max(len(text) for text in column) for column in (ours, ours.values(), moto.values())]
    line = "  {:<%d} | {:<%d} | {:<%d} | {}" % tuple(min(width, 52) for width in widths)
    print(line.format("step", "ours", "moto", "same?"))
    for name, answer in ours.items():
        other = moto[name]
        listed = DIFFERENCES.get(name)
        if listed is None and answer == other:
            verdict = "yes"
        elif listed is None:
            verdict = "NO, AND NOT LISTED"
            wrong.append(f"{name}: ours {answer!r}, moto {other!r}, and no difference is listed")
        elif (listed.ours, listed.moto) == (answer, other):
            verdict = f"no, as listed: {listed.right}"
        else:
            verdict = "NOT AS LISTED"
            wrong.append(
                f"{name}: ours {answer!r}, moto {other!r}, but the list says ours {listed.ours!r}, moto {listed.moto!r}"
            )
        print(line.format(name, answer, other, verdict))
    wrong.extend(f"{name}: a difference is listed, but there is no such step" for name in DIFFERENCES if name not in ours)
    return wrong


def main() -> int:
    _, ours_url, moto_url = sys.argv
    ours, moto = run(ours_url), run(moto_url)
    wrong = compare(ours, moto)
    print("\nDifferences, and who is right:")
    for name, difference in DIFFERENCES.items():
        print(f"  {name}: {difference.right}. {difference.why}")
    listed = len(DIFFERENCES)
    print(f"\n{len(ours)} steps: {len(ours) - listed} expected the same, {listed} listed differences, {len(wrong)} wrong")
    for text in wrong:
        print(f"WRONG {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
