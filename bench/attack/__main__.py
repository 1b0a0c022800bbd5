"""python -m bench.attack: mounts the attacks, then sends genuine traffic; writes the report."""

from __future__ import annotations

import sys

from bench.attack.attacks import mount_all
from bench.attack.field import prepare
from bench.attack.service import serving, throwaway
from lbs.db import Database
from lbs.vault import Vault


def main() -> None:
    with throwaway() as cluster, serving(cluster) as (base, http):
        field = prepare(http, Database(base.url), Vault(base.settings.secrets_key), 40)
        for r in mount_all(field):
            print(f"attack.{r.name} {r.tries} {r.accepted} {r.reason}   {dict(r.reasons)}", flush=True)


main()
