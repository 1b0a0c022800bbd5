import os
import shutil
import signal
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from lbs.cli import postgres
from lbs.cli.postgres import Cluster, ClusterError, create_database, ensure_installed, running


@pytest.fixture(scope="module")
def root():
    # pytest's own directories are closed to the user that the server runs as under root
    base = Path(tempfile.mkdtemp(prefix="lbs-cluster-"))
    base.chmod(0o711)
    yield base / "postgres"
    shutil.rmtree(base)


def connect(cluster: Cluster, database: str = "postgres"):
    return psycopg.connect(cluster.url(database).replace("+psycopg", ""))


def fetch(cluster: Cluster, statement: str):
    with connect(cluster) as connection:
        return connection.execute(statement).fetchone()


def server_pid(cluster: Cluster) -> int:
    return int((cluster.data_dir / "postmaster.pid").read_text().split()[0])


def alive(pid: int) -> bool:
    with suppress(FileNotFoundError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def test_starts_with_postgis_on_a_closed_socket_and_leaves_nothing(root):
    with running(root, durable=False) as cluster:
        create_database(cluster, "Købe \"nhavn'")
        create_database(cluster, "Købe \"nhavn'")
        with connect(cluster, "Købe \"nhavn'") as connection:
            connection.execute("create extension postgis")
            (metres,) = connection.execute(
                "select st_distance('point(12.568 55.676)'::geography, 'point(12.569 55.676)')"
            ).fetchone()
        pid = server_pid(cluster)
        found = cluster.socket_dir.lstat()

        assert fetch(cluster, "select 1") == (1,)
        assert 62 < metres < 64
        assert stat.S_IMODE(found.st_mode) == 0o700
        assert fetch(cluster, "show listen_addresses") == ("",)
        assert fetch(cluster, "show data_checksums") == ("on",)
        assert fetch(cluster, "show server_encoding") == ("UTF8",)
        assert alive(pid)
    assert not alive(pid)
    assert not cluster.socket_dir.exists()
    assert cluster.data_dir.exists()


def test_data_survive_from_one_run_to_the_next(root):
    with running(root, durable=False) as cluster, connect(cluster) as connection:
        connection.execute("create table kept as select 42 as answer")
    with running(root) as cluster:
        assert fetch(cluster, "select answer from kept") == (42,)
        assert fetch(cluster, "show fsync") == ("on",)


def test_a_second_run_shares_the_server_and_leaves_it(root):
    with running(root, durable=False, settings={"work_mem": "7MB"}) as first:
        pid = server_pid(first)
        with running(root) as second:
            assert second == first
            assert server_pid(second) == pid
        assert alive(pid)
        assert fetch(first, "show work_mem") == ("7MB",)


def test_an_error_inside_stops_the_server(root):
    with suppress(ZeroDivisionError), running(root, durable=False) as cluster:
        pid = server_pid(cluster)
        _ = 1 / 0
    assert not alive(pid)


def test_a_killed_server_is_started_again(root):
    with running(root, durable=False) as cluster:
        os.kill(server_pid(cluster), signal.SIGKILL)
        with running(root, durable=False) as again:
            assert fetch(again, "select 1") == (1,)


def test_a_process_id_taken_by_another_does_not_hinder(root):
    with running(root, durable=False) as cluster:
        lines = (cluster.data_dir / "postmaster.pid").read_text().splitlines()
    pid_file = cluster.data_dir / "postmaster.pid"
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    shutil.chown(pid_file, cluster.data_dir.stat().st_uid)
    with running(root, durable=False) as cluster:
        assert fetch(cluster, "select 1") == (1,)


@pytest.mark.parametrize("plant", ["symlink", "open directory", "file"])
def test_a_planted_socket_directory_is_refused(root, tmp_path, plant):
    with running(root, durable=False) as cluster:
        planted = cluster.socket_dir
    if plant == "symlink":
        planted.symlink_to(tmp_path)
    elif plant == "file":
        planted.touch(mode=0o700)
    else:
        planted.mkdir()
        planted.chmod(0o755)
    try:
        with pytest.raises(ClusterError, match="remove it"), running(root, durable=False):
            pytest.fail("a stranger's directory was used")
        assert os.path.lexists(planted)
    finally:
        planted.rmdir() if plant == "open directory" else planted.unlink()


def test_a_bad_setting_is_told_with_the_log(root):
    with (
        pytest.raises(ClusterError, match="no_such_setting"),
        running(root, durable=False, settings={"no_such_setting": "1"}),
    ):
        pytest.fail("it started")


def test_nothing_installed_names_the_command(tmp_path):
    with pytest.raises(ClusterError, match=r"apt-get install .* postgresql-\d+-postgis-3"):
        ensure_installed(lambda: [tmp_path], may_install=False)


def test_the_newest_usable_version_is_taken():
    found = postgres.installed(postgres.candidate_bin_dirs())
    assert ensure_installed() == found[max(found)]
