"""The `lbs` command: small front doors to what the other modules do."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from uuid import UUID

import click

from lbs.config import SettingsError
from lbs.vault import Vault, new_key

if TYPE_CHECKING:
    from lbs.proofs.rules.integrity import AppleKeys, IntegrityKeys


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Offers that open only on a verified check-in, counted from there to the till.

    Without LBS_DATABASE_URL a command uses a private PostgreSQL below .lbs, and starts it if it
    is not running.
    """


@cli.command()
@click.option("--port", default=0, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option("--once", is_flag=True, help="Exit after the story.")
def run(port: int, *, once: bool) -> None:
    """Start everything and play the story.

    Makes the database, loads the sample, starts the API and a worker, serves until Ctrl-C.
    """
    from lbs.cli.run import run as run_all  # noqa: PLC0415

    sys.exit(run_all(port=port, once=once))


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--threads", default=4, show_default=True, help="Threads in each process.")
def serve(host: str, port: int, workers: int, threads: int) -> None:
    """Serve the API."""
    from lbs.cli.local import environment  # noqa: PLC0415
    from lbs.cli.server import serve as serve_api  # noqa: PLC0415

    with environment() as env:
        status = serve_api(env, host=host, port=port, workers=workers, threads=threads)
    sys.exit(status)


@cli.command()
@click.option("--concurrency", default=4, show_default=True, help="Jobs at a time.")
def worker(concurrency: int) -> None:
    """Carry out background jobs."""
    from lbs.cli.local import settings  # noqa: PLC0415
    from lbs.cli.server import work  # noqa: PLC0415

    with settings() as found:
        work(found, concurrency=concurrency)


@cli.command()
def migrate() -> None:
    """Bring the database's tables up to date."""
    from lbs.cli.database import migrate as migrate_tables  # noqa: PLC0415
    from lbs.cli.local import settings  # noqa: PLC0415

    with settings() as found:
        migrate_tables(found, _now())


@cli.group()
def merchants() -> None:
    """Merchants and their owner's keys."""


@merchants.command("create")
@click.argument("name")
def create_merchant(name: str) -> None:
    """Create a merchant and print its owner's API key, this once."""
    from lbs.accounts import service  # noqa: PLC0415
    from lbs.cli.database import ready_database  # noqa: PLC0415

    with ready_database() as (db, _), db.transaction() as session:
        merchant, key = service.create_merchant(session, name, _secret, _now())
    click.echo(f"merchant  {merchant.id}\napi key   {key.token}")


@cli.group()
def apps() -> None:
    """Mobile apps and their keys."""


@apps.command("create")
@click.argument("name")
def create_app(name: str) -> None:
    """Create an app and print its publishable and its backend key, this once."""
    from lbs.accounts import service  # noqa: PLC0415
    from lbs.cli.database import ready_database  # noqa: PLC0415

    with ready_database() as (db, _), db.transaction() as session:
        app, publishable, backend = service.create_app(session, name, _secret, _now())
    click.echo(
        f"app              {app.id}\npublishable key  {publishable}\nbackend key      {backend}"
    )


@apps.command("integrity")
@click.argument("app_id", type=click.UUID)
@click.option("--package", help="The Android app's package name.")
@click.option(
    "--decryption-key",
    type=click.File(),
    help="A file with it in base64, as the Play Console shows it; - reads the standard input.",
)
@click.option("--verification-key", help="Base64, as the Play Console shows it.")
@click.option("--apple-app-id", help="The iOS app's team and bundle: TEAMID1234.com.example.app.")
@click.option("--apple-production/--apple-development", default=None, help="[production]")
@click.option("--clear", is_flag=True, help="Forget what was set up before.")
def set_integrity(app_id: UUID, *, clear: bool, **given: Any) -> None:
    """Set up what an app's phones are attested with, and print it.

    Play Integrity needs the package and both keys, App Attest the app id; a platform that is
    left out stays as it is.
    """
    from lbs.accounts import queries, service  # noqa: PLC0415
    from lbs.cli.database import ready_database  # noqa: PLC0415

    with ready_database() as (db, settings), db.transaction() as session:
        vault = Vault(settings.secrets_key)
        app = queries.find_app(session, app_id)
        if app is None:
            raise click.ClickException("There is no such app.")
        before = {} if clear else service.open_integrity(app.sealed_integrity, vault)
        document = before | _integrity(**given)
        keys = _read_integrity(document)
        service.set_integrity(session, app_id, document, vault)
    click.echo(f"Play Integrity  {keys.play.package_name if keys.play else 'not set up'}")
    click.echo(f"App Attest      {_name_apple_app(keys.apple) if keys.apple else 'not set up'}")


@cli.group()
def keys() -> None:
    """The service's own keys."""


@keys.command("new")
def make_secrets_key() -> None:
    """Print a fresh key for LBS_SECRETS_KEY."""
    click.echo(new_key())


@keys.command("rotate")
def rotate_keys() -> None:
    """Sign with a new key, and seal all secrets under the newest.

    What older keys signed stays valid until it expires.

    Where LBS_SECRETS_KEY lists several keys, whatever is sealed under an older one is sealed anew
    under the first, and the older ones can be taken off the list afterwards. Every process has to
    know the new key before. The command can be broken off and begun again.

    Devices are known by a digest under the key of their day, which nobody can make anew: they are
    known again only as long as that key is listed.
    """
    from lbs.accounts.auth import rotate_signing_key  # noqa: PLC0415
    from lbs.cli.database import ready_database  # noqa: PLC0415
    from lbs.cli.reseal import report, reseal  # noqa: PLC0415

    with ready_database() as (db, settings):
        vault = Vault(settings.secrets_key)
        longest = max(settings.access_token_ttl, settings.receipt_ttl)
        with db.transaction() as session:
            kid = rotate_signing_key(session, vault, keep_for=2 * longest, now=_now())
        click.echo(f"signing key  {kid}")
        if len(settings.secrets_key) > 1:
            for line in report(reseal(db, vault)):
                click.echo(line)


@cli.group()
def stats() -> None:
    """The sums that statistics are read from."""


@stats.command("rebuild")
def rebuild_stats() -> None:
    """Throw all roll-ups away and make them anew from the ledger, in one transaction.

    Until it is done, answers are read from the old ones: they are the same, if all is well.
    """
    from lbs.cli.database import ready_database  # noqa: PLC0415
    from lbs.stats import service  # noqa: PLC0415

    with ready_database() as (db, _), db.transaction() as session:
        hours = service.rebuild(session)
    click.echo(f"{hours} hours counted")


@cli.group()
def facebook() -> None:
    """What is done at Facebook."""


@facebook.command("dead")
def list_dead_facebook() -> None:
    """List what was given up, with Meta's codes and traces.

    With the trace Meta's support finds the call.
    """
    from lbs.cli.database import ready_database  # noqa: PLC0415
    from lbs.cli.facebook import list_dead  # noqa: PLC0415

    with ready_database() as (db, _), db.transaction() as session:
        for line in list_dead(session):
            click.echo(line)


@facebook.command("replay")
def replay_facebook() -> None:
    """Try anew what Meta refused, or did not take for a day.

    A worker sends it. What a customer no longer consents to is gone for good. A post is looked
    for on its Page before it is posted again; posts of offers that do not run stay dead.
    """
    from lbs.cli.database import ready_database  # noqa: PLC0415
    from lbs.cli.facebook import replay  # noqa: PLC0415

    with ready_database() as (db, _):
        for line in replay(db, _now()):
            click.echo(line)


@cli.group()
def sample() -> None:
    """Copenhagen venues to try things on."""


@sample.command("load")
def load_sample() -> None:
    """Load 377 Copenhagen venues with their real buildings, a merchant and an app."""
    from lbs.cli.copenhagen import load  # noqa: PLC0415
    from lbs.cli.database import ready_database  # noqa: PLC0415
    from lbs.cli.local import STATE  # noqa: PLC0415

    with ready_database() as (db, _):
        _, loaded = load(db, STATE / "sample.json", _now())
    click.echo(f"{loaded} venues loaded; the keys are in {STATE / 'sample.json'}")


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rows", type=click.IntRange(1), help="Only the first so many, by time.")
def replay(file: Path, rows: int | None) -> None:
    """Send recorded check-ins, print the funnel.

    FILE is tab-separated, gzipped or not: user_id, utc, lat, lon, venue_id.
    """
    from lbs.cli.database import ready_database  # noqa: PLC0415
    from lbs.cli.replay import read, report  # noqa: PLC0415
    from lbs.cli.replay import replay as replay_rows  # noqa: PLC0415

    found = read(file)[:rows]
    if not found:
        raise click.ClickException("The file has no rows.")
    with ready_database(durable=False) as (db, settings):
        for line in report(db, replay_rows(db, settings, found)):
            click.echo(line)


@cli.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def openapi(file: Path) -> None:
    """Write the OpenAPI document to FILE."""
    from lbs.cli.openapi import write  # noqa: PLC0415

    write(file)


@cli.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def problems(folder: Path) -> None:
    """Write a page for each problem to FOLDER."""
    from lbs.cli.problems import write  # noqa: PLC0415

    write(folder)


def main() -> None:
    try:
        cli(prog_name="lbs")
    except SettingsError as error:
        sys.exit(f"lbs: {error}")


def _integrity(
    *,
    package: str | None,
    decryption_key: TextIO | None,
    verification_key: str | None,
    apple_app_id: str | None,
    apple_production: bool | None,
) -> dict[str, Any]:
    """The platforms that something was given for, with what was given."""
    play = {
        "package_name": package,
        "decryption_key": decryption_key and decryption_key.read().strip(),
        "verification_key": verification_key,
    }
    apple = {"app_id": apple_app_id, "production": apple_production}
    parts = {
        name: {key: value for key, value in part.items() if value is not None}
        for name, part in (("play", play), ("apple", apple))
    }
    return {name: part for name, part in parts.items() if part}


def _read_integrity(document: dict[str, Any]) -> IntegrityKeys:
    from lbs.proofs.rules.integrity import IntegrityKeys, KeysUnreadable  # noqa: PLC0415

    try:
        return IntegrityKeys.read(document)
    except KeysUnreadable as error:
        raise click.ClickException(str(error)) from error


def _name_apple_app(apple: AppleKeys) -> str:
    return f"{apple.app_id} ({'production' if apple.production else 'development'})"


def _now() -> datetime:
    return datetime.now(UTC)


def _secret() -> str:
    return secrets.token_urlsafe(32)
