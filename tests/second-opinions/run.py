"""Second opinions: what we built, held against what others built from the same documentation.

    run.py moto         the local RDS against moto's, by one boto3 script (rds_script.py)
    run.py localstack   the adapters to AWS against LocalStack, by the conformance suite (tests/e2e/tests/conformance.rs)

Ends with 0 if the opinions agree (or differ only as listed), 1 if not, and 77 if this machine cannot host the other side: then
the last line says so, loudly, and nothing was compared. Needs Python 3.10 and nothing beyond its standard library; what it
installs lies in the same cache as the drill's.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

CANNOT_HOST = 77  # what automake's test harness means by it: skipped

# LocalStack takes 2 to 5 s; the rest is for a machine that compiles at the same time.
READY_WITHIN_SECONDS = 120


class CannotHost(Exception):
    """The machine lacks something. Never raised for what the other side answers."""


class Failed(Exception):
    """Something that ought to work did not."""


def main() -> int:
    opinions = {"moto": moto, "localstack": localstack}
    if len(sys.argv) != 2 or sys.argv[1] not in opinions:
        print(__doc__, file=sys.stderr)
        return 2
    # So that `finally` runs, and nothing stays behind, when somebody ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return opinions[sys.argv[1]]()
    except CannotHost as why:
        print(f"SECOND OPINION NOT ASKED: {sys.argv[1]}: {why}")
        return CANNOT_HOST
    except Failed as why:
        print(f"second opinion of {sys.argv[1]}: {why}")
        return 1


def moto() -> int:
    python = environment("moto", oldest=(3, 10), newest=(3, 14))
    with work_dir() as work, local_rds() as ours:
        port = free_port()
        command = [python.parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
        with service("moto", command, work, {}, f"http://127.0.0.1:{port}/moto-api/"):
            script = [python, HERE / "rds_script.py", ours, f"http://127.0.0.1:{port}"]
            return subprocess.run(script, env=without_aws(), stdin=subprocess.DEVNULL, check=False).returncode


def localstack() -> int:
    python = environment("localstack", oldest=(3, 11), newest=(3, 12))
    with work_dir() as work:
        port = free_port()
        settings = {
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "FILESYSTEM_ROOT": str(work / "files"),
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "EAGER_SERVICE_LOADING": "0",
        }
        url = f"http://127.0.0.1:{port}"
        command = [python, "-m", "localstack.runtime.main"]
        with service("LocalStack", command, work, settings, f"{url}/_localstack/health") as log:
            # The whole workspace for its features (see `build`); only one package has a test of that name.
            test = ["cargo", "test", "--locked", "--workspace", "--test", "conformance"]
            tried = subprocess.run(
                test, cwd=ROOT, env=without_aws() | {"AWS_ENDPOINT_URL": url}, stdin=subprocess.DEVNULL, check=False
            )
            return tried.returncode or heard(log.read_text(errors="replace"))


def without_aws() -> dict[str, str]:
    """Our environment without anything that could lead a client to a real account, or keep it from starting: no profile, no key."""
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}
    return {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | nowhere


def heard(log: str) -> int:
    """The tests pass against MiniStack too: only LocalStack's own log shows that it was LocalStack they spoke to."""
    calls = Counter(re.findall(r": AWS (\w+)\.\w+ => ", log))
    print("LocalStack answered " + ", ".join(f"{count} {service} calls" for service, count in sorted(calls.items())))
    missing = {"s3", "secretsmanager", "events"} - set(calls)
    if missing:
        raise Failed(f"the tests passed, but nobody asked LocalStack's {', '.join(sorted(missing))}")
    return 0


@contextlib.contextmanager
def local_rds() -> Iterator[str]:
    """Our own RDS. It ends when its standard input does, so it cannot outlive us."""
    program = build("local-rds")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise Failed("the local RDS did not start; its reason stands above")
            yield url
        finally:
            process.stdin.close()
            try:
                ended = process.wait(timeout=READY_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Failed("the local RDS does not end") from None
    if ended != 0:
        raise Failed(f"the local RDS ended with {ended}")


def build(binary: str) -> str:
    """Builds a program of the workspace. Together with all tests, because then it has the same features as they and shares their build:
    alone it would compile most of the SDKs a second time."""
    command = ["cargo", "build", "--locked", "--workspace", "--tests", "--bin", binary, "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode != 0:
        raise Failed(f"{binary} does not compile")
    messages = (json.loads(line) for line in built.stdout.splitlines() if line.startswith("{"))
    made = [one for one in messages if one["reason"] == "compiler-artifact" and one["target"]["name"] == binary]
    return next(one["executable"] for one in made if one["target"]["kind"] == ["bin"] and not one["profile"]["test"])


@contextlib.contextmanager
def service(name: str, command: list, work: Path, settings: dict[str, str], ready: str) -> Iterator[Path]:
    """A process group of its own with a clean environment, killed as a whole at the end. Gives its log."""
    log = work / "log"
    clean = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
    clean |= {"HOME": str(work), "TMPDIR": str(work), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"} | settings
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=work, env=clean, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until_ready(name, process, ready, log)
        yield log
    finally:
        # Nothing to save. The leader is not reaped yet, so the group's number cannot be anybody else's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_ready(name: str, process: subprocess.Popen, url: str, log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        with contextlib.suppress(OSError), direct.open(url, timeout=5):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"{name} does not run; the end of its log:\n{end}")
        time.sleep(0.1)


def environment(name: str, oldest: tuple[int, int], newest: tuple[int, int]) -> Path:
    """The interpreter of a virtual environment with exactly the pinned files, made on first use (compare tests/localcloud/src/venv.rs)."""
    lists = [HERE / f"{name}.txt", HERE / f"{name}-source.txt"]
    lists = [path for path in lists if path.exists()]
    program, identity = find_python(oldest, newest)
    key = hashlib.sha256(b"\0".join([identity.encode(), *(path.read_bytes() for path in lists)])).hexdigest()[:16]
    home = cache_dir() / "venvs" / f"second-opinion-{name}-{key}"
    home.parent.mkdir(parents=True, exist_ok=True)
    python, complete = home / "bin" / "python", home / ".complete"
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            print(f"installing {name} into {home}", flush=True)
            shutil.rmtree(home, ignore_errors=True)
            install(name, [program, "-m", "venv", home])
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
            pins = ["--require-hashes", "--no-deps", "--requirement"]
            # Nothing that was downloaded runs before its hash was checked.
            install(name, [*pip, "--only-binary=:all:", *pins, lists[0]])
            for source in lists[1:]:
                install(name, [*pip, "--no-binary=:all:", "--no-build-isolation", *pins, source])
            complete.touch()
    return python


def install(name: str, command: list) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise CannotHost(f"{name} cannot be installed: {words[-1]}")


def find_python(oldest: tuple[int, int], newest: tuple[int, int]) -> tuple[str, str]:
    """A program whose version is in the range, and what an environment made with it is bound to."""
    probe = "import sys, venv, ensurepip; print(*sys.version_info[:2], sys.version.split()[0], sys.base_prefix)"
    versions = [f"python3.{minor}" for minor in range(oldest[1], newest[1] + 1)]
    for candidate in [sys.executable, "python3", *versions]:
        with contextlib.suppress(OSError):
            told = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, check=False)
            if told.returncode == 0:
                major, minor, identity = told.stdout.strip().split(" ", 2)
                if oldest <= (int(major), int(minor)) <= newest:
                    return candidate, identity
    between = f"{oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}"
    raise CannotHost(f"no Python {between} with venv and pip on PATH")


def cache_dir() -> Path:
    if cache := os.environ.get("HOLDFAST_CACHE"):
        return Path(cache)
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache) / "holdfast"
    return Path.home() / ".cache" / "holdfast"


@contextlib.contextmanager
def work_dir() -> Iterator[Path]:
    # Python of 3.10 and 3.11 trips over what a killed process was still writing.
    with tempfile.TemporaryDirectory(prefix="holdfast-second-opinion-", ignore_cleanup_errors=True) as work:
        yield Path(work)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
