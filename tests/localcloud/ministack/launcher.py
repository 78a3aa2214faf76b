"""Runs MiniStack with what AWS does and MiniStack 1.5.33 does not.

Each patch names the AWS behaviour it restores. All of them reach into private names of the pinned version
(requirements.txt); `check_names` stops at once, by name, when a new version has moved one.
"""

import os
import re
import shutil
import signal
import sys
import threading
from datetime import datetime, timezone

from ministack import app
from ministack.core.responses import get_account_id, request_scope
from ministack.services import eventbridge, lambda_svc, scheduler, sns

PATCHED = {
    eventbridge: (
        "_RATE_RE", "_SCHEDULER_TICK_INTERVAL", "_dispatch_to_event_bus", "_dispatch_to_lambda", "_invoke_target",
        "_parse_rate_seconds", "_pattern_event_view", "_put_events",
    ),
    lambda_svc: ("_execution_record_for_config", "_get_func_record_for_ref", "invoke_async_with_retry"),
    scheduler: ("_SCHEDULE_TICK_INTERVAL",),
    sns: ("_lambda_svc", "_deliver_to_lambda"),
}


def check_names():
    for module, names in PATCHED.items():
        for name in names:
            if not hasattr(module, name):
                sys.exit(f"launcher.py: {module.__name__} has no {name}: it was written for MiniStack 1.5.33")


def allow_service_events():
    """Our RDS speaks as `aws.rds`; on AWS only the service itself may."""
    put_events = eventbridge._put_events
    eventbridge._put_events = lambda data, allow_aws_source=True: put_events(data, allow_aws_source=True)


def allow_short_schedules():
    """`rate(2 seconds)`, so that the interval of a sweep stays configuration; AWS's shortest is one minute."""
    eventbridge._RATE_RE = re.compile(r"^rate\(\d+\s+(second|minute|hour|day)s?\)$")
    parse = eventbridge._parse_rate_seconds

    def parse_rate_seconds(expression):
        seconds = re.match(r"^rate\((\d+)\s+seconds?\)$", expression)
        return int(seconds.group(1)) if seconds else parse(expression)

    eventbridge._parse_rate_seconds = parse_rate_seconds
    eventbridge._SCHEDULER_TICK_INTERVAL = 1
    scheduler._SCHEDULE_TICK_INTERVAL = 1


def fill_in_schedule_context():
    """Scheduler replaces `<aws.scheduler.…>` in a target's input."""
    invoke_target = eventbridge._invoke_target

    def with_context(target, event, rule, view=None):
        if event.get("Source") == "aws.scheduler" and target.get("Input"):
            moment = int(event["Time"])
            if rule.get("ScheduleExpression", "").startswith("cron("):
                moment -= moment % 60  # cron means the minute; the tick comes up to a second later
            scheduled = datetime.fromtimestamp(moment, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            context = {
                "<aws.scheduler.scheduled-time>": scheduled,
                "<aws.scheduler.schedule-arn>": rule.get("Arn", ""),
                "<aws.scheduler.execution-id>": event["EventId"],
                "<aws.scheduler.attempt-number>": "1",
            }
            filled = target["Input"]
            for placeholder, value in context.items():
                filled = filled.replace(placeholder, value)
            target = dict(target, Input=filled)
        return invoke_target(target, event, rule, view)

    eventbridge._invoke_target = with_context


def deliver_across_regions():
    """A rule may send to a bus of another region, and the event keeps the region it came from."""
    dispatch, view_of = eventbridge._dispatch_to_event_bus, eventbridge._pattern_event_view

    def dispatch_to_event_bus(spec, event, rule, event_path, target_input_payload=None):
        event = dict(event, _OriginRegion=event.get("_OriginRegion") or event.get("Region"))
        with request_scope(get_account_id(), spec.region):
            dispatch(spec, event, rule, event_path, target_input_payload)

    def pattern_event_view(event):
        origin = event.get("_OriginRegion")
        return view_of(dict(event, Region=origin) if origin else event)

    eventbridge._dispatch_to_event_bus = dispatch_to_event_bus
    eventbridge._pattern_event_view = pattern_event_view


def retry_event_deliveries():
    """EventBridge, Scheduler and SNS invoke asynchronously: Lambda retries, then uses the on-failure destination.

    MiniStack does so for `Invoke` and S3 only, and would lose a failed delivery from these three in silence.
    """
    dispatch = eventbridge._dispatch_to_lambda

    class Asynchronous:
        def __getattr__(self, name):
            return getattr(lambda_svc, name)

        def _execute_function_with_config_scope(self, func, event):
            lambda_svc.invoke_async_with_retry(func, event)

    sns._lambda_svc = Asynchronous()

    def dispatch_to_lambda(arn, payload):
        func, config, _name = lambda_svc._get_func_record_for_ref(arn)
        if not func or not config:
            return dispatch(arn, payload)  # it logs the missing function
        record = lambda_svc._execution_record_for_config(func, config)
        return lambda_svc.invoke_async_with_retry(record, eventbridge.json.loads(payload))

    eventbridge._dispatch_to_lambda = dispatch_to_lambda


def end_with_parent():
    """The parent holds the other end of stdin: when it dies, however it dies, the group and its files go with it."""
    lifeline = os.dup(0)  # not inheritable, unlike 0 itself
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)

    def watch():
        while os.read(lifeline, 1):
            pass
        shutil.rmtree(os.environ["HOLDFAST_WORK_DIR"], ignore_errors=True)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


if __name__ == "__main__":
    check_names()
    allow_service_events()
    allow_short_schedules()
    fill_in_schedule_context()
    deliver_across_regions()
    retry_event_deliveries()
    end_with_parent()
    app.main()
