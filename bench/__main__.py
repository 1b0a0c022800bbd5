"""python -m bench [PART ...]: prints a line a figure, `name value unit`; asserts nothing."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator

from bench.growth import growth
from bench.measured import answers, intake
from bench.parts import checkin, nearby, offers, redeem, stats
from bench.servers import cluster
from bench.sides import Figure
from lbs.cli.postgres import Cluster

PARTS: dict[str, Callable[[Cluster], Iterator[Figure]]] = {
    "checkin": checkin,
    "offers": offers,
    "nearby": nearby,
    "redeem": redeem,
    "stats": stats,
    "answers": answers,
    "intake": intake,
    "growth": growth,
}


def main(wanted: list[str]) -> None:
    if unknown := set(wanted) - PARTS.keys():
        sys.exit(f"No such part: {', '.join(sorted(unknown))}. There are {', '.join(PARTS)}.")
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, _stop)
    with cluster() as running:
        for name in wanted or PARTS:
            print(f"{name} ...", file=sys.stderr)
            for figure in PARTS[name](running):
                print(f"{figure.name} {figure.value:.4g} {figure.unit}", flush=True)


def _stop(*_: object) -> None:
    """Unwind, so that everything started is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
