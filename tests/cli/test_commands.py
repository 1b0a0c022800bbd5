"""The `lbs` command, as an operator types it."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lbs.cli import cli
from lbs.cli.postgres import Cluster, create_database
from lbs.vault import new_key

RUN_S = 120
UNREACHABLE = {
    "LBS_FACEBOOK_APP_ID": "1234567890",
    "LBS_FACEBOOK_APP_SECRET": "appsecret",
    "LBS_FACEBOOK_GRAPH_URL": "http://127.0.0.1:9",
}
"""A Facebook app, and a Facebook that does not answer."""


@pytest.fixture
def env(cluster: Cluster, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """An empty database of the test's own, and a state folder of its own."""
    name = re.sub(r"\W", "_", request.node.name)[:60]
    create_database(cluster, name)
    own = {name: value for name, value in os.environ.items() if not name.startswith("LBS_")}
    return {
        **own,
        "LBS_DATABASE_URL": cluster.url(name),
        "LBS_SECRETS_KEY": new_key(),
        "LBS_STATE_DIR": str(tmp_path / "state"),
    }


def lbs(env: dict[str, str], *words: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lbs.cli", *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_help_lists_every_command_with_its_purpose_on_one_line(env):
    listed = lbs(env, "--help").split("Commands:\n")[1].splitlines()

    assert len(listed) == len(cli.commands)
    assert all(re.fullmatch(r"  \w+ +[A-Z].*[^.]\.", line) for line in listed), listed


def test_a_missing_secret_or_a_bad_setting_is_named(env):
    env["LBS_COOL_DOWN"] = "soon"
    assert "LBS_COOL_DOWN" in lbs(env, "migrate", status=1)


def test_the_operator_makes_merchants_and_apps_and_rotates_keys(env):
    assert re.search(r"api key +lbs_[0-9a-f]{32}_\S{40,}", lbs(env, "merchants", "create", "Café"))
    assert lbs(env, "apps", "create", "App").count("lbs_") == 2
    first, second = (lbs(env, "keys", "rotate") for _ in range(2))
    assert first != second


def test_the_sample_is_loaded_once(env):
    assert "377 venues" in lbs(env, "sample", "load")
    assert "0 venues" in lbs(env, "sample", "load")


def test_run_once_plays_the_story_twice_and_leaves_nothing_running(env):
    """First with the stand-in for Meta, then with an app of ours and a Facebook that is down."""
    for added, fetches in ({}, 1), (UNREACHABLE, 0):
        said = lbs(env | added, "run", "--once")
        assert "The story went as it should." in said
        assert re.search(r"checked_in +1 +1\n", said)
        assert re.search(rf"fetches +{fetches}\n", said)
        assert re.search(r"friend_visits +1\n", said)
        assert ("a stand-in for Meta" in said) is (not added)
    assert re.search(r"^[1-9]\d* hours counted$", lbs(env, "stats", "rebuild"), re.MULTILINE)
    assert not processes(env)


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_run_serves_until_it_is_stopped_and_stops_everything(env, name):
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "lbs.cli", "run"], env=env, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        for line in running.stdout:
            if line.startswith("Ctrl-C"):
                break
        running.send_signal(name)
        assert running.wait(RUN_S) == 0
    assert not processes(env)


def test_replay_counts_what_it_sent(env, tmp_path: Path):
    file = tmp_path / "checkins.tsv"
    start = datetime(2010, 3, 13, 12, tzinfo=UTC)
    rows = [
        (user, start + timedelta(hours=6 * visit + 2 * venue), venue)
        for user in range(5)
        for venue in range(2)
        for visit in range(10)
    ]
    rows += [(0, start + timedelta(minutes=1), 0)]
    with file.open("w", newline="") as out:
        table = csv.writer(out, delimiter="\t")
        table.writerow(["user_id", "utc", "lat", "lon", "venue_id"])
        for user, at, venue in rows:
            table.writerow([user, at.isoformat(), 40.7 + venue / 10, -74.0, venue])

    said = lbs(env, "replay", str(file))

    assert re.search(r"101 check-ins\n +accepted +100\n +ambiguous +0\n +rejected +1\n", said)
    assert [int(n) for n in re.findall(r"unlocks +(\d+)", said)] == [10, 20, 10]


def test_replay_takes_the_real_check_ins(env, shared: Path):
    file = shared / "data" / "gowalla-nyc" / "checkins.tsv.gz"
    said = lbs(env, "replay", str(file), "--rows", "2000")

    assert "2,000 check-ins" in said


def processes(env: dict[str, str]) -> list[str]:
    """What still runs with this test's database; given a moment to end."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = [pid for pid in map(str, pids()) if env["LBS_DATABASE_URL"] in environ(pid)]
        if not left:
            return []
        time.sleep(0.1)
    return left


def pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def environ(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""
