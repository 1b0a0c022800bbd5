"""The other yardstick: pgbench sends a check-in's statements with no Python in between."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Sequence

from bench import statements
from bench.data import KINDS, STRIDE, Place
from bench.requests import Visits
from bench.sides import CONNECTIONS, ROUND_S
from lbs.cli.postgres import ROLE, Cluster


class PgBench:
    """Rounds of pgbench; each takes visits that nobody else makes."""

    name = "pgbench"

    def __init__(self, cluster: Cluster, database: str, visits: Visits) -> None:
        self.rates: list[float] = []
        self._cluster, self._database, self._visits = cluster, database, visits
        self._script = _script(visits.places, visits.customers)

    def play(self) -> int:
        first = self._visits.skip(self._visits.customers)
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(self._script)
            file.flush()
            output = self._run(file.name, first)
        self.rates.append(float(_find(r"tps = ([\d.]+)", output)))
        return int(_find(r"processed: (\d+)", output))

    def _run(self, file: str, first: int) -> str:
        cluster = self._cluster
        command = [
            str(cluster.bin_dir / "pgbench"), "--no-vacuum", "--protocol=prepared",
            f"--client={CONNECTIONS}", "--jobs=1", f"--time={ROUND_S}", f"--file={file}",
            f"--define=base={first}", "--define=seq=0", f"--define=ms={int(time.time() * 1000)}",
            f"--host={cluster.socket_dir}", f"--port={cluster.port}", f"--username={ROLE}",
            self._database,
        ]  # fmt: skip
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise RuntimeError(f"pgbench failed:\n{done.stderr}")
        return done.stdout


def _script(places: Sequence[Place], customers: int) -> str:
    """One check-in; GATHER's columns become variables, as they do in the service."""
    here = {
        "customer_id": _CUSTOMER,
        "check_in_id": _CHECK_IN,
        "now": "now()",
    }
    venue = _pick([f"'{place.venue_id}'" for place in places], "uuid")
    gather = {
        **here,
        **_AGO,
        "place_id": venue,
        "captured_at": "now()",
        "digests": f"ARRAY[{_DIGEST}]",
        "lon": _pick([str(place.lon) for place in places], "float8"),
        "lat": _pick([str(place.lat) for place in places], "float8"),
    }
    key = {"lock": ":lock", "key_digest": "sha256(int8send(:n))"}
    store = {
        **key,
        "fingerprint": "sha256(int8send(:n))",
        "answer": ":offers",
        "principal": "'pgbench'",
        "created_at": "now()",
    }
    return f"""
\\set seq :seq + 1
\\set n :base + :seq * {CONNECTIONS} + :client_id
\\set customer :n * {STRIDE} % {customers}
\\set place 1 + (:customer + :n / {customers}) % {len(places)}
\\set lock random(1, 4000000000000000000)
BEGIN;
{statements.for_pgbench(statements.LOOK_UP, key)};
{statements.for_pgbench(statements.GATHER, gather)}
\\gset
{statements.for_pgbench(statements.RECORD, {**_RECORD, **here, "venue_id": venue})};
{statements.for_pgbench(statements.STORE, store)};
COMMIT;
"""


def _id(kind: str, number: str, ms: str = "0") -> str:
    return f"bench_id({KINDS.index(kind)}, {number}, {ms})"


def _pick(items: Sequence[str], kind: str) -> str:
    """The item of the chosen place."""
    return f"(ARRAY[{','.join(items)}]::{kind}[])[:place]"


def _find(pattern: str, output: str) -> str:
    match = re.search(pattern, output)
    if not match:
        raise RuntimeError(f"pgbench said:\n{output}")
    return match[1]


_CUSTOMER, _CHECK_IN = _id("customer", ":customer"), _id("check_in", ":n", ":ms")
_OFFER = "(:offers::jsonb -> 0)"
_GRANTS = f"""
    jsonb_build_array(jsonb_build_object(
        'unlock_id', {_id("unlock", ":n", ":ms")}, 'offer_id', {_OFFER} -> 'id',
        'offer_version', {_OFFER} -> 'version', 'sealed_code', 'sealed',
        'code_digest', encode(sha256(int8send(:n)), 'hex'),
        'expires_at', now() + interval '2 hours', 'buckets', '[]'::jsonb, 'units', '[]'::jsonb,
        'once', '[]'::jsonb,
        'event_id', {_id("event", ":n * 2 + 1", ":ms")}, 'check_in_id', {_CHECK_IN},
        'customer_id', {_CUSTOMER}, 'subject_id', :subject_id::uuid, 'level', 1,
        'first_visit', :visits = 0, 'counted', true, 'opened_by', 'check_in'))
"""
_DIGEST = "sha256(int8send(:n))"
_AGO = {
    "minutes_ago": "now() - interval '5 minutes'",
    "day_ago": "now() - interval '1 day'",
    "week_ago": "now() - interval '7 days'",
    "month_ago": "now() - interval '30 days'",
}
_RECORD = {
    "stock": "'[]'",
    "occurred_at": "now()",
    "of_event_id": "NULL",
    "event_id": _id("event", ":n * 2", ":ms"),
    "subject_id": ":subject_id",
    "merchant_id": ":merchant_id",
    "visits": "true",
    "visit": ":visits + 1",
    "revision_seen": "0",
    "verdict": "'accepted'",
    "verdict_before": "NULL",
    "level": "1",
    "risk": "0",
    "party_id": "NULL",
    "channel": "NULL",
    "findings": "'[]'",
    "proofs": "'[]'",
    "counted": "true",
    "reasons": "'{}'",
    "first_visit": "(:visits = 0)",
    "visits_seen": ":visits",
    "offer_ids": f"ARRAY[({_OFFER} ->> 'id')::uuid]",
    "distance_m": ":distance_m",
    "accuracy_m": "10",
    "captured_at": "now()",
    "provider": "'gps'",
    "fix_received_at": "now()",
    "sealed_fix": "'sealed'",
    "fix_digest": _DIGEST,
    "grants": _GRANTS,
}
