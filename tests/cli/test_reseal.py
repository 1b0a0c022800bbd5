"""A new LBS_SECRETS_KEY: everything is sealed anew, and the old one can be thrown away."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click
import pytest
from sqlalchemy import text

from lbs.app import create_app
from lbs.cli import reseal
from lbs.cli.database import migrate
from lbs.cli.postgres import Cluster, create_database
from lbs.cli.reseal import SEALED, Count, report
from lbs.config import Settings
from lbs.db import Database, new_id
from lbs.unlocks.policy import read_any
from lbs.vault import Vault, new_key
from tests.cli.test_commands import lbs
from tests.world import World, now

OLD, NEW = new_key(), new_key()
BEFORE, DURING, AFTER = Vault([OLD]), Vault([NEW, OLD]), Vault([NEW])

PROOF = """
    INSERT INTO venue_proof (id, merchant_id, venue_id, kind, name, parameters, sealed_secret,
                             version, created_at)
    VALUES (:id, :merchant, :venue, 'nfc_tag', 'Door', '{}', :sealed, 1, :now)
"""
WRISTBAND = """
    INSERT INTO wristband (id, merchant_id, customer_id, tag_digest, sealed_tag, status, bound_at)
    VALUES (:id, :merchant, :customer, :digest, :sealed, 'bound', :now)
"""
FIX = """
    INSERT INTO fix (check_in_id, customer_id, received_at, captured_at, accuracy_m, sealed, digest)
    VALUES (:id, :customer, :now, :now, 10, :sealed, '')
"""
ENGAGED_POST = """
    INSERT INTO facebook_engaged_post (post_id, sealed_salt) VALUES (CAST(:id AS text), :sealed)
"""
APP = "UPDATE app SET sealed_integrity = :sealed WHERE id = :app"


class Town:
    """A world in a database of its own, under the old key, with something sealed of every kind."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.apps = [create_app(settings)]
        self.world = World(self.apps[0])
        self.venue = self.world.venue()
        self.offer = self.world.offer(self.venue)
        self.person = self.world.register()
        self.unlocks = [self.visit() for _ in range(5)]
        self.own_code = "tak 4711 abcd"
        self.give_out()
        for statement, secret in (
            (PROOF, "secret"),
            (WRISTBAND, "04A2"),
            (FIX, "[10.5, 55.5]"),
            (APP, "{}"),
            (ENGAGED_POST, "00ff"),
        ):
            self.write(statement, secret)

    def visit(self) -> dict[str, Any]:
        person = self.world.customer()
        [unlock] = self.world.check_in(person, self.venue)["unlocked"]
        return {**unlock, "customer": person}

    def give_out(self) -> None:
        """A code of the merchant's own, an invitation, a share, an experiment, an endpoint."""
        person = self.person["access_token"]
        self.world.ask(
            "post",
            f"/v1/offers/{self.offer['id']}/codes/import",
            data=self.own_code,
            content_type="text/csv",
        )
        self.invitation = self.world.ask("post", "/v1/friend-invitations", person)
        self.facebook = {"access_token": self.world.facebook_token()}
        self.world.ask("put", "/v1/customers/me/facebook", person, json=self.facebook)
        self.share = self.world.ask("post", f"/v1/offers/{self.offer['id']}/shares", person)
        self.world.experiment(self.world.offer(status="draft"), start=False)
        body = {"url": "https://cafe.example/hooks", "event_types": ["offer.unlocked"]}
        made = self.world.ask("post", "/v1/webhook-endpoints", json=body)
        body = {"dataset_id": "1", "access_token": "EAAG", "venue_ids": []}
        self.world.ask("put", "/v1/facebook/conversions", json=body)
        self.world.connect_facebook_page()
        self.world.ask("post", f"/v1/webhook-endpoints/{made['id']}/rotation", json={})

    def write(self, statement: str, secret: str) -> None:
        row = {
            "id": new_id(),
            "merchant": self.world.merchant_id,
            "venue": self.venue["id"],
            "customer": self.person["customer_id"],
            "app": self.world.app_id,
            "sealed": BEFORE.seal(secret),
            "digest": BEFORE.digest(f"wristband {self.world.merchant_id} {secret}"),
            "now": now(),
        }
        with self.db.transaction() as session:
            session.execute(text(statement), row)

    @property
    def db(self) -> Database:
        return self.world.db

    def reopen(self, *keys: str) -> None:
        """The same world, served by a process that knows these keys."""
        self.apps.append(create_app(replace(self.settings, secrets_key=keys)))
        self.world.client = self.apps[-1].test_client()

    def secrets(self, vault: Vault) -> dict[str, list[str]]:
        """What of each kind the vault opens, or InvalidToken."""
        with self.db.transaction() as session:
            return {
                kind.name: [
                    vault.unseal(sealed)
                    for sealed in session.scalars(
                        text(
                            f'SELECT {kind.column} FROM "{kind.table}"'
                            f" WHERE {kind.column} IS NOT NULL ORDER BY {kind.key}"
                        )
                    )
                ]
                for kind in SEALED
            }


@pytest.fixture
def town(cluster: Cluster, settings: Settings, request: pytest.FixtureRequest) -> Any:
    name = re.sub(r"\W", "_", request.node.name)[:60]
    create_database(cluster, name)
    own = replace(settings, database_url=cluster.url(name), secrets_key=(OLD,))
    migrate(own, datetime.now(UTC))
    town = Town(own)
    yield town
    for app in town.apps:
        app.extensions["lbs_database"].engine.dispose()


def sealed_anew(town: Town) -> dict[str, int]:
    return {kind.name: count.resealed for kind, count in reseal.reseal(town.db, DURING)}


def test_every_sealed_column_is_known():
    import lbs.tables  # noqa: F401, PLC0415
    from lbs.db import Model  # noqa: PLC0415

    found = {
        f"{table.name}.{column.name}"
        for table in Model.metadata.tables.values()
        for column in table.columns
        if column.name.startswith("sealed")
    }
    assert found <= {kind.name for kind in SEALED}


def test_without_the_old_key_everything_opens_and_codes_are_found_at_the_till(town: Town):
    body, headers = {"name": "x", "venue_ids": []}, {"Idempotency-Key": "before"}
    group = town.world.call(
        "post", "/v1/venue-groups", town.world.key, json=body, headers=headers
    ).json
    before = town.secrets(BEFORE)
    assert all(before.values()), "something of every kind"

    done = sealed_anew(town)

    assert done == {name: len(secrets) for name, secrets in before.items()}
    assert town.secrets(AFTER) == before
    town.reopen(NEW)
    for unlock in town.unlocks:
        [held] = town.world.ask("get", "/v1/unlocks", unlock["customer"])["items"]
        assert held["code"] == unlock["code"]
        assert town.world.redeem(unlock["code"], town.venue).status_code == 201
    again = town.world.call("post", "/v1/venue-groups", town.world.key, json=body, headers=headers)
    assert (again.json, again.headers["Idempotency-Replayed"]) == (group, "true")


def test_a_wristband_is_found_by_its_tag_under_the_new_key(town: Town):
    sealed_anew(town)
    with town.db.transaction() as session:
        digest = session.scalar(text("SELECT tag_digest FROM wristband"))
    assert digest == AFTER.digest(f"wristband {town.world.merchant_id} 04A2")


def test_a_person_on_facebook_is_found_under_the_new_key(town: Town):
    sealed_anew(town)
    town.reopen(NEW)
    body = {**town.facebook, "device_id": "x"}
    again = town.world.ask("post", "/v1/auth/facebook", town.world.publishable_key, json=body)
    assert again["customer_id"] == town.person["customer_id"]


def test_own_codes_invitations_and_shares_are_found_under_the_new_key(town: Town):
    sealed_anew(town)
    town.reopen(NEW)
    world, friend = town.world, town.world.customer()
    report = world.ask(
        "post",
        f"/v1/offers/{town.offer['id']}/codes/import",
        data="TAK4711ABCD",
        content_type="text/csv",
    )
    assert report["duplicates"]["in_offer"] == 1
    world.ask("post", "/v1/friends", friend, json={"code": town.invitation["code"]})
    world.ask("post", "/v1/referrals", friend, json={"token": town.share["token"]})
    person = town.person["access_token"]
    assert world.ask("post", f"/v1/offers/{town.offer['id']}/shares", person) == town.share


def test_an_unlock_with_a_code_of_the_merchants_own_is_found_under_the_new_key(town: Town):
    [unlock, *_] = town.unlocks
    with town.db.transaction() as session:
        session.execute(
            text("UPDATE unlock SET sealed_code = :sealed, code_digest = :digest WHERE id = :id"),
            {
                "sealed": BEFORE.seal(town.own_code),
                "digest": BEFORE.digest(read_any(town.own_code)),
                "id": unlock["id"],
            },
        )
    sealed_anew(town)
    with town.db.transaction() as session:
        digest = session.scalar(
            text("SELECT code_digest FROM unlock WHERE id = :id"), {"id": unlock["id"]}
        )
    assert digest == AFTER.digest("TAK4711ABCD")


def test_a_position_that_is_repeated_is_known_again_under_the_new_key(town: Town):
    world = town.world
    fix = {"lat": world.lat + 1.23e-5, "lon": world.lon + 4.56e-6}
    assert world.check_in(world.customer(), town.venue, **fix)["verdict"] == "accepted"
    sealed_anew(town)
    town.reopen(NEW)
    again = world.check_in(world.customer(), town.venue, **fix)
    assert again["verdict"] == "ambiguous"
    seen = world.ask("get", f"/v1/check-ins/{again['id']}/findings")["findings"]
    assert [finding["reason"] for finding in seen] == ["repeated_fix"]


def test_what_a_service_wrote_under_the_new_key_is_left_alone(town: Town):
    sealed_anew(town)
    town.reopen(NEW, OLD)
    town.unlocks.append(town.visit())
    before = town.secrets(AFTER)
    assert set(sealed_anew(town).values()) == {0}
    assert town.secrets(AFTER) == before


def test_broken_off_it_goes_on_where_it_was(town: Town, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reseal, "BATCH", 2)
    with monkeypatch.context() as patch:
        patch.setattr(reseal, "write_batch", failing(reseal.write_batch, "unlock", 2))
        with pytest.raises(KeyboardInterrupt):
            sealed_anew(town)

    done = sealed_anew(town)

    assert (done["signing_key.sealed_private"], done["unlock.sealed_code"]) == (0, 3)
    assert town.secrets(AFTER)
    town.reopen(NEW)
    for unlock in town.unlocks:
        assert town.world.redeem(unlock["code"], town.venue).status_code == 201


def failing(write: Callable[..., int], table: str, call: int) -> Callable[..., int]:
    """Breaks off after the nth batch of the table has been written, and before it is kept."""
    calls: list[str] = []

    def wrapper(session: Any, sealed: Any, changes: Any) -> int:
        calls.append(sealed.table)
        written = write(session, sealed, changes)
        if calls.count(table) == call:
            raise KeyboardInterrupt
        return written

    return wrapper


def test_a_row_written_meanwhile_is_not_overwritten(town: Town, monkeypatch: pytest.MonkeyPatch):
    newer = DURING.seal("newer")
    write = reseal.write_batch

    def late(session: Any, sealed: Any, changes: Any) -> int:
        if sealed.table == "app":
            session.execute(text("UPDATE app SET sealed_integrity = :newer"), {"newer": newer})
        return write(session, sealed, changes)

    monkeypatch.setattr(reseal, "write_batch", late)
    sealed_anew(town)
    assert town.secrets(AFTER)["app.sealed_integrity"] == ["newer"]


def test_a_secret_that_no_listed_key_opens_is_left_and_reported(town: Town):
    lost = Vault([new_key()]).seal("{}")
    with town.db.transaction() as session:
        session.execute(text("UPDATE app SET sealed_integrity = :lost"), {"lost": lost})
    done = list(reseal.reseal(town.db, DURING))
    assert {kind.name: count for kind, count in done if count.unreadable} == {
        "app.sealed_integrity": Count(0, 1)
    }
    with pytest.raises(click.ClickException, match="1 secrets open under no listed key"):
        list(report(done))


def test_the_operator_is_told_how_many_and_what_becomes_of_devices(town: Town):
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LBS_")},
        "LBS_DATABASE_URL": town.settings.database_url,
        "LBS_SECRETS_KEY": f"{NEW},{OLD}",
    }
    said = lbs(env, "keys", "rotate")
    assert re.search(r"signing key +[0-9a-f]{32}\n", said)
    assert re.search(r"unlock\.sealed_code +5 sealed anew\n", said)
    assert "Devices that registered under one" in said
    assert "sealed anew" not in lbs({**env, "LBS_SECRETS_KEY": NEW}, "keys", "rotate")
    town.reopen(NEW)
    held = town.world.ask("get", "/v1/unlocks", town.unlocks[0]["customer"])["items"]
    assert held[0]["code"] == town.unlocks[0]["code"]
