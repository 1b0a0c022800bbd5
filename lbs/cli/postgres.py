"""A private PostgreSQL with PostGIS on a Unix socket, made and started by the project itself."""

import fcntl
import hashlib
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import psycopg
from psycopg import errors, sql

OLDEST_MAJOR = 15
ROLE = "lbs"
SERVER_USER = "postgres"  # PostgreSQL refuses to run as root
OPEN_BASE = Path("/var/lib/postgresql")
SOCKET_BASE = Path("/tmp")  # noqa: S108 - short: a socket's path may be at most 107 bytes
PORT = 5432  # only names the socket file: the server listens on no TCP port
WAIT_S = 120
NO_SYSTEM_CLUSTER = Path("/etc/postgresql-common/createcluster.d/lbs.conf")

ALWAYS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "-1",
}
DURABLE = {"shared_buffers": "512MB", "effective_cache_size": "4GB", "max_wal_size": "2GB"}
THROWAWAY = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class ClusterError(RuntimeError):
    """The private cluster cannot be had; the message says what to do."""


@dataclass(frozen=True)
class Cluster:
    """A cluster's whereabouts; `os_user` runs the server, None is ourselves."""

    bin_dir: Path
    data_dir: Path
    socket_dir: Path
    port: int
    os_user: str | None

    @property
    def log(self) -> Path:
        """The server's log, beside the data."""
        return self.data_dir.with_name("server.log")

    def url(self, database: str) -> str:
        """Give the SQLAlchemy URL of a database."""
        name, host = quote(database, safe=""), quote(str(self.socket_dir))
        return f"postgresql+psycopg://{ROLE}@/{name}?host={host}&port={self.port}"


def candidate_bin_dirs() -> list[Path]:
    """Where PostgreSQL may be: Debian's directories and what pg_config says."""
    found = list(Path("/usr/lib/postgresql").glob("*/bin"))
    pg_config = shutil.which("pg_config")
    return [*found, Path(_run([pg_config, "--bindir"]).stdout.strip())] if pg_config else found


def installed(candidates: Iterable[Path]) -> dict[int, Path]:
    """Give the bin directories that can serve us, by major version."""
    usable = [bin_dir for bin_dir in candidates if _has_postgis(bin_dir)]
    return {
        major: bin_dir for bin_dir in usable if (major := _major_version(bin_dir)) >= OLDEST_MAJOR
    }


def ensure_installed(
    candidates: Callable[[], Iterable[Path]] = candidate_bin_dirs, *, may_install: bool = True
) -> Path:
    """Give the newest usable bin directory, after installing Debian's packages if need be."""
    found = installed(candidates())
    if not found and may_install:
        _install()
        found = installed(candidates())
    if not found:
        raise ClusterError(_by_hand())
    return found[max(found)]


@contextmanager
def running(
    root: Path, *, durable: bool = True, settings: Mapping[str, str] = NO_SETTINGS
) -> Iterator[Cluster]:
    """Lend the cluster below `root`; it is stopped afterwards if it was started here."""
    if not Path("/proc/self/cwd").exists():
        raise ClusterError("The private cluster needs Linux; set LBS_DATABASE_URL instead.")
    cluster = _locate(root.resolve(), ensure_installed())
    started = False
    try:
        with _locked(cluster.data_dir.parent):
            if not _is_running(cluster):
                _make_socket_dir(cluster)
                started = True
                _make_data_dir(cluster, durable=durable)
                chosen = {**ALWAYS, **(DURABLE if durable else THROWAWAY), **settings}
                _start(cluster, chosen)
        yield cluster
    finally:
        if started:
            with _locked(cluster.data_dir.parent):
                _stop(cluster)


def create_database(cluster: Cluster, name: str) -> None:
    """Create a database unless it exists."""
    statement = sql.SQL("create database {}").format(sql.Identifier(name))
    with (
        psycopg.connect(
            host=str(cluster.socket_dir),
            port=cluster.port,
            user=ROLE,
            dbname="postgres",
            autocommit=True,
        ) as connection,
        # two creators at once meet in the catalogue's unique index
        suppress(errors.DuplicateDatabase, errors.UniqueViolation),
    ):
        connection.execute(statement)


def _run(argv: list[str], os_user: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run out of reach of the terminal's Ctrl-C, and without our environment's secrets."""
    return subprocess.run(
        argv,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        start_new_session=True,
        user=os_user,
        group=_owner(os_user)[1] if os_user else None,
        extra_groups=[] if os_user else None,
    )


def _owner(os_user: str | None) -> tuple[int, int]:
    if os_user is None:
        return os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwnam(os_user)
    except KeyError:
        raise ClusterError(
            f"As root PostgreSQL runs as the user {os_user}, who is missing: "
            f"run `useradd --system {os_user}`."
        ) from None
    return entry.pw_uid, entry.pw_gid


# Installing


def _has_postgis(bin_dir: Path) -> bool:
    if not all((bin_dir / program).exists() for program in ("initdb", "pg_ctl", "pg_config")):
        return False
    share = _run([str(bin_dir / "pg_config"), "--sharedir"]).stdout.strip()
    return Path(share, "extension", "postgis.control").exists()


def _major_version(bin_dir: Path) -> int:
    version = _run([str(bin_dir / "pg_config"), "--version"]).stdout
    match = re.match(r"PostgreSQL (\d+)", version)
    return int(match[1]) if match else 0


def _packages() -> list[str]:
    """Give the distribution's own PostgreSQL and the PostGIS that belongs to it."""
    depends = _run(["apt-cache", "depends", "postgresql"]).stdout if _has_apt() else ""
    match = re.search(r"Depends: postgresql-(\d+)", depends)
    major = match[1] if match else OLDEST_MAJOR
    return ["postgresql", f"postgresql-{major}-postgis-3"]


def _has_apt() -> bool:
    return shutil.which("apt-get") is not None


def _by_hand() -> str:
    install = f"sudo apt-get install -y --no-install-recommends {' '.join(_packages())}"
    return (
        f"PostgreSQL {OLDEST_MAJOR} or later with PostGIS 3 is missing. Run this, or set "
        f"LBS_DATABASE_URL:\n  sudo apt-get update && {install}"
    )


def _become_root() -> list[str] | None:
    """Give the words before a command that needs root; None where we may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    # not by _run: sudo may remember a password by the terminal
    asked = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def _install() -> None:
    prefix = _become_root()
    if prefix is None or not _has_apt():
        raise ClusterError(_by_hand())
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    try:
        _announce([*apt, "update"])
        with _no_system_cluster(prefix):
            _announce([*apt, "install", "-y", "--no-install-recommends", *_packages()])
    except subprocess.CalledProcessError as error:
        raise ClusterError(f"{shlex.join(error.cmd)} failed.\n{_by_hand()}") from error


def _announce(argv: list[str]) -> None:
    print("PostgreSQL with PostGIS is missing:", shlex.join(argv), file=sys.stderr)
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


@contextmanager
def _no_system_cluster(prefix: list[str]) -> Iterator[None]:
    """Keep Debian from making and starting a system-wide cluster as it installs."""
    status = _run(["dpkg-query", "-W", "-f=${Status}", "postgresql-common"]).stdout
    if status.endswith(" installed"):
        yield
        return
    write = [*prefix, "install", "-D", "-m", "644", "/dev/stdin", str(NO_SYSTEM_CLUSTER)]
    subprocess.run(write, check=True, input=b"create_main_cluster = false\n")
    try:
        yield
    finally:
        subprocess.run([*prefix, "rm", "-f", str(NO_SYSTEM_CLUSTER)], check=False)


# Making


def _locate(root: Path, newest: Path) -> Cluster:
    os_user = SERVER_USER if os.geteuid() == 0 else None
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    data_dir = _home(root, digest, os_user) / "data"
    return Cluster(
        bin_dir=_bin_dir_of(data_dir, os_user) or newest,
        data_dir=data_dir,
        socket_dir=SOCKET_BASE / f"lbs-{os.geteuid()}-{digest}",
        port=PORT,
        os_user=os_user,
    )


def _home(root: Path, digest: str, os_user: str | None) -> Path:
    """Give `root`, or a directory that the server's user can reach."""
    if os_user and not _reaches(os_user, root):
        home = OPEN_BASE / f"lbs-{digest}"
        print(f"{os_user} cannot reach {root}: the data are in {home}", file=sys.stderr)
        root = home
    root.mkdir(parents=True, exist_ok=True)
    if os_user and not _reaches(os_user, root):
        raise ClusterError(f"{root} is out of reach of the user {os_user}.")
    return root


def _reaches(os_user: str, path: Path) -> bool:
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    return _run(["test", "-x", str(there)], os_user).returncode == 0


def _bin_dir_of(data_dir: Path, os_user: str | None) -> Path | None:
    """Give the bin directory for existing data: each major version reads only its own."""
    if not data_dir.exists():
        return None
    if data_dir.stat().st_uid != _owner(os_user)[0]:
        raise ClusterError(f"{data_dir} was made by another user: run as that user or remove it.")
    major = int((data_dir / "PG_VERSION").read_text())
    found = installed(candidate_bin_dirs())
    if major not in found:
        raise ClusterError(f"{data_dir} needs PostgreSQL {major}: install it or remove the data.")
    return found[major]


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Let one process at a time make, start or stop the cluster."""
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make_socket_dir(cluster: Cluster) -> None:
    """Make the only gate of a server that trusts whoever reaches its socket."""
    path, (uid, gid) = cluster.socket_dir, _owner(cluster.os_user)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        os.chown(path, uid, gid, follow_symlinks=False)
    found = path.lstat()
    if (found.st_mode, found.st_uid) != (stat.S_IFDIR | 0o700, uid):
        raise ClusterError(f"{path} is not a closed directory of ours: remove it.")


def _make_data_dir(cluster: Cluster, *, durable: bool) -> None:
    """Make the data elsewhere and move them, so that half-made data are never taken for whole."""
    if cluster.data_dir.exists():
        return
    fresh = cluster.data_dir.with_name("data.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    os.chown(fresh, *_owner(cluster.os_user))
    made = _run(
        [
            str(cluster.bin_dir / "initdb"),
            f"--pgdata={fresh}",
            f"--username={ROLE}",
            "--encoding=UTF8",
            f"--locale={_utf8_locale()}",
            "--data-checksums",
            "--auth-local=trust",
            "--auth-host=reject",
            *([] if durable else ["--no-sync"]),
        ],
        cluster.os_user,
    )
    if made.returncode:
        raise ClusterError(f"initdb failed:\n{made.stderr}")
    fresh.rename(cluster.data_dir)


def _utf8_locale() -> str:
    known = _run(["locale", "-a"]).stdout.lower().split() if shutil.which("locale") else []
    return "C.UTF-8" if {"c.utf8", "c.utf-8"} & set(known) else "C"


# Starting and stopping


def _start(cluster: Cluster, settings: Mapping[str, str]) -> None:
    _bury(cluster)
    _open_log(cluster)
    everything = {
        **settings,
        "port": str(cluster.port),
        "unix_socket_directories": str(cluster.socket_dir),
    }
    options = shlex.join(f"--{name}={value}" for name, value in everything.items())
    result = _pg_ctl(cluster, f"--log={cluster.log}", f"--options={options}", "start")
    if result.returncode:
        log = cluster.log.read_text(errors="replace").splitlines()[-15:]
        raise ClusterError("\n".join(["PostgreSQL did not start:", result.stderr, *log]))


def _stop(cluster: Cluster) -> None:
    if _is_running(cluster):
        result = _pg_ctl(cluster, "--mode=fast", "stop")
        if result.returncode:
            raise ClusterError(f"PostgreSQL did not stop: {result.stderr}")
    shutil.rmtree(cluster.socket_dir, ignore_errors=True)


def _pg_ctl(cluster: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    return _run(
        [
            str(cluster.bin_dir / "pg_ctl"),
            f"--pgdata={cluster.data_dir}",
            "--wait",
            f"--timeout={WAIT_S}",
            *words,
        ],
        cluster.os_user,
    )


def _open_log(cluster: Cluster) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    descriptor = os.open(cluster.log, flags, 0o600)
    try:
        os.fchown(descriptor, *_owner(cluster.os_user))
    finally:
        os.close(descriptor)


# A server's processes all work in its data directory. A live process id alone proves nothing: after
# a reboot or in a new container it may be anyone's. The server's user asks, because root without
# CAP_SYS_PTRACE (in a container) may not look.


def _is_running(cluster: Cluster) -> bool:
    with suppress(FileNotFoundError):
        pid = (cluster.data_dir / "postmaster.pid").read_text().partition("\n")[0]
        probe = ["test", f"/proc/{pid}/cwd", "-ef", str(cluster.data_dir)]
        return _run(probe, cluster.os_user).returncode == 0
    return False


def _is_inhabited(cluster: Cluster) -> bool:
    search = 'for p in /proc/[0-9]*; do [ "$p/cwd" -ef "$1" ] && exit 0; done; exit 1'
    return _run(["sh", "-c", search, "sh", str(cluster.data_dir)], cluster.os_user).returncode == 0


def _bury(cluster: Cluster) -> None:
    """Wait for what a killed server left behind, then remove its stale lock files."""
    socket = cluster.socket_dir / f".s.PGSQL.{cluster.port}"
    locks = (cluster.data_dir / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock"))
    for _ in range(50):
        if not _is_inhabited(cluster):
            for lock in locks:
                lock.unlink(missing_ok=True)
            return
        time.sleep(0.1)
