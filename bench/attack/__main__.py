"""python -m bench.attack [NAME ...]: mounts the attacks, sends genuine traffic beside them.

Prints a line an attack, `attack.NAME TRIES ACCEPTED REASON`, then how many genuine customers are
wrongly refused and asked for more, in percent, and writes docs/attacks.md. Names run these alone,
and write nothing. The exit status is 1 where an attack got through that is not known to, or more
often than known.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from bench.attack import genuine
from bench.attack.attacks import ATTACKS, TRIES, Attack, Result
from bench.attack.field import Field, prepare
from bench.attack.report import Measured, write
from bench.attack.service import serving, throwaway
from bench.servers import Base
from lbs.cli.local import ROOT
from lbs.db import Database
from lbs.vault import Vault

REPORT = ROOT / "docs" / "attacks.md"


def main() -> int:
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, _stop)
    asked = _arguments()
    chosen = _chosen(asked.names)
    with throwaway() as cluster, serving(cluster) as (base, http), _opened(base) as db:
        field = prepare(http, db, Vault(base.settings.secrets_key), TRIES)
        results = list(_told(_mounted(field, chosen)))
        if not asked.names:
            measured = _with_genuine(results, field, db, base, asked.every)
            REPORT.write_text(write(measured))
    return int(not all(result.is_expected for result in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.attack")
    parser.add_argument("names", nargs="*", metavar="NAME", help="attacks to mount; none: all")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="replay one user of Gowalla in N"
    )
    return parser.parse_args()


def _chosen(names: Sequence[str]) -> Sequence[Attack]:
    if unknown := set(names) - {attack.short for attack in ATTACKS}:
        sys.exit(f"No such attack: {', '.join(sorted(unknown))}")
    return [attack for attack in ATTACKS if not names or attack.short in names]


def _mounted(field: Field, attacks: Iterable[Attack]) -> Iterator[Result]:
    for attack in attacks:
        for level in attack.levels:
            yield attack.mount(field, level)


def _told(results: Iterable[Result]) -> Iterator[Result]:
    for result in results:
        line = f"attack.{result.name} {result.tries} {result.accepted} {result.reason}"
        print(line, flush=True)
        yield result


def _with_genuine(
    results: Sequence[Result], field: Field, db: Database, base: Base, every: int
) -> Measured:
    errors = genuine.read_errors()
    traffic = [genuine.phones(field, errors)]
    replayed = genuine.gowalla(db, base.settings, errors, every=every)
    if replayed:
        traffic.append(replayed)
    else:
        print(f"genuine.gowalla skipped: there is no {genuine.GOWALLA}")
    traffic.append(genuine.together("", traffic))
    for found in traffic:
        _tell(found)
    share = f"one user in {every}" if every > 1 else "all users"
    today = datetime.now(UTC).date()
    return Measured(results, traffic, base.settings, today, share if replayed else "")


def _tell(found: genuine.Traffic) -> None:
    name = f"genuine.{found.name}".rstrip(".")
    print(f"{name}.refused {found.refused_percent:.3f} %")
    print(f"{name}.step_up {found.step_up_percent:.3f} %")
    print(f"{name}.too_soon {found.too_soon} of {found.check_ins}", flush=True)


@contextmanager
def _opened(base: Base) -> Iterator[Database]:
    db = Database(base.url, pool_size=genuine.LANES)
    try:
        yield db
    finally:
        db.engine.dispose()


def _stop(*_: object) -> None:
    """Unwind, so that everything started is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
