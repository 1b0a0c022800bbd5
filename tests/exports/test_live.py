"""The live stream, from a server of its own: nothing is skipped, nothing is told of anybody."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from lbs.cli.run import HOST, free_port, started, wait_until_ready
from lbs.cli.server import conninfo
from lbs.exports.rules.stream import Position, beat, begin, tell
from tests.live import variables
from tests.world import World

STREAMS = 6
PATH = "/v1/stats/live"


@pytest.fixture(scope="module")
def server(settings) -> Iterator[str]:
    """One process of eight threads, of which six may stream, and three connections."""
    own = replace(
        settings,
        pool_size=3,
        live_streams=STREAMS,
        live_for=timedelta(seconds=60),
        live_poll=timedelta(seconds=0.1),
    )
    port = free_port()
    address = f"http://{HOST}:{port}"
    serve = ("serve", "--port", str(port), "--workers", "1", "--threads", "8")
    with (
        started({**os.environ, **variables(own)}, *serve),
        httpx.Client(base_url=address) as http,
    ):
        wait_until_ready(http)
        yield address


@dataclass
class Event:
    id: str
    kind: str
    data: dict


class Reader:
    """Reads a stream as the standard says, event by event."""

    def __init__(self, response: httpx.Response, last: str = "") -> None:
        self._lines, self.last, self.retry = response.iter_lines(), last, ""

    def block(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line:
                if fields:
                    break
                continue
            name, _, value = line.partition(": ")
            fields[name] = value
        self.last = fields.get("id", self.last)
        self.retry = fields.get("retry", self.retry)
        return fields

    def events(self, count: int) -> list[Event]:
        found: list[Event] = []
        while len(found) < count:
            block = self.block()
            assert block, "the stream has ended"
            if "data" in block:
                found.append(Event(block["id"], block["event"], json.loads(block["data"])))
        return found


@contextmanager
def follow(server: str, key: str, last: str = "") -> Iterator[Reader]:
    """Connected, and past the beginning."""
    headers = {"Authorization": f"Bearer {key}", **({"Last-Event-ID": last} if last else {})}
    with (
        httpx.Client(base_url=server, timeout=30) as http,
        http.stream("GET", PATH, headers=headers) as response,
    ):
        assert response.status_code == 200, response.read()
        assert response.headers["Content-Type"] == "text/event-stream"
        reader = Reader(response, last)
        reader.block()
        yield reader


@contextmanager
def following(server: str, key: str, last: str = "") -> Iterator[Reader]:
    """The same, once there is room: a stream that was left counts until the server notices."""
    for _ in range(300):
        with httpx.Client(base_url=server) as http:
            headers = {"Authorization": f"Bearer {key}"}
            with http.stream("HEAD", PATH, headers=headers) as answer:
                if answer.status_code == 200:
                    break
        time.sleep(0.1)
    with follow(server, key, last) as reader:
        yield reader


def test_check_ins_and_redemptions_are_told_without_who(world: World, server: str):
    venue = world.venue()
    offer = world.offer(venue)
    person = world.register()
    with following(server, world.key) as reader:
        assert int(reader.retry) > 0
        assert reader.last
        seen = world.check_in(person["access_token"], venue)
        code = seen["unlocked"][0]["code"]
        done = world.redeem(code, venue, amount_minor=900).json
        world.ask("post", f"/v1/redemptions/{done['id']}/reversal", json={"reason": "Test"})
        check_in, redeemed, reversed_ = reader.events(3)
    assert [one.kind for one in (check_in, redeemed, reversed_)] == [
        "check_in",
        "redeemed",
        "reversed",
    ]
    assert {name: check_in.data[name] for name in ("venue_id", "verdict", "level")} == {
        "venue_id": venue["id"],
        "verdict": "accepted",
        "level": "L1",
    }
    assert redeemed.data == {
        **redeemed.data,
        "kind": "redeemed",
        "at": done["redeemed_at"],
        "venue_id": venue["id"],
        "offer_id": offer["id"],
        "value_minor": 3500,
        "amount_minor": 900,
        "currency": "DKK",
    }
    members = {"kind", "at", "venue_id", "offer_id", "verdict", "level"}
    members |= {"value_minor", "amount_minor", "currency"}
    for one in (check_in, redeemed, reversed_):
        assert set(one.data) == members
    said = json.dumps([check_in.data, redeemed.data, reversed_.data])
    for secret in (person["customer_id"], seen["id"], code, done["unlock_id"]):
        assert secret not in said


def test_another_merchant_and_another_venue_are_not_told_of(
    world: World, other_world: World, server: str
):
    here, there = world.venue(), world.venue()
    abroad = other_world.venue()
    key = world.key_with("stats", venues=(here,))
    with following(server, key) as reader:
        other_world.check_in(other_world.customer(), abroad)
        world.check_in(world.customer(), there)
        world.check_in(world.customer(), here)
        [seen] = reader.events(1)
    assert seen.data["venue_id"] == here["id"]


def test_a_client_that_comes_back_misses_nothing_and_hears_nothing_twice(world: World, server: str):
    """Cut off again and again in the middle, while many check in at once."""
    venue = world.venue()
    guests = [world.customer() for _ in range(24)]

    def come_in() -> None:
        for guest in guests:
            world.check_in(guest, venue)

    told: list[str] = []
    with following(server, world.key) as reader:
        last = reader.last
    coming = threading.Thread(target=come_in)
    coming.start()
    while len(told) < len(guests):
        with following(server, world.key, last) as reader:
            told += [one.id for one in reader.events(min(7, len(guests) - len(told)))]
            last = reader.last
    coming.join()
    assert len(set(told)) == len(guests)
    with world.db.transaction() as session:
        events = session.execute(
            text("""SELECT transaction_id::text, id FROM ledger_event
                    WHERE venue_id = :id AND kind = 'check_in'
                    ORDER BY transaction_id, id"""),
            {"id": venue["id"]},
        ).all()
    assert told == [f"{one.transaction_id}-{one.id}" for one in events]


def test_what_was_begun_earlier_and_committed_later_is_not_passed_over(
    world: World, db, settings, server: str
):
    """The later one waits until the earlier has been told: that is what the watermark is for."""
    venue = world.venue()
    late = uuid4()
    with following(server, world.key) as reader:
        with psycopg.connect(conninfo(settings.database_url)) as slow:
            slow.execute(
                """INSERT INTO ledger_event (id, at, kind, merchant_id, venue_id, verdict)
                   VALUES (%s, now(), 'check_in', %s, %s, 'rejected')""",
                (late, world.merchant_id, venue["id"]),
            )
            world.check_in(world.customer(), venue)
            time.sleep(1)
            slow.commit()
        first, second = reader.events(2)
    assert first.id.endswith(str(late))
    assert (first.data["verdict"], second.data["verdict"]) == ("rejected", "accepted")


def test_streams_hold_no_connection_and_leave_room_for_requests(world: World, server: str):
    """As many as there may be, on a pool of three; one more is told to come back."""
    with ExitStack() as held, httpx.Client(base_url=server) as http:
        for _ in range(STREAMS):
            held.enter_context(following(server, world.key))
        headers = {"Authorization": f"Bearer {world.key}"}
        refused = http.get(PATH, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "too-many-streams")
        assert int(refused.headers["Retry-After"]) > 0
        took = []
        for _ in range(30):
            began = time.monotonic()
            assert http.get("/v1/venues", headers=headers).status_code == 200
            took.append(time.monotonic() - began)
        assert sorted(took)[15] < 0.5
    with following(server, world.key):
        pass  # the places of those who left are free again


def test_a_revoked_key_hears_no_more(world: World, server: str):
    made = world.ask("post", "/v1/api-keys", json={"name": "Screen", "scopes": ["stats"]})
    with following(server, made["token"]) as reader:
        world.ask("delete", f"/v1/api-keys/{made['id']}")
        began = time.monotonic()
        while reader.block():
            assert time.monotonic() - began < 5


def test_a_stream_ends_by_itself(world: World):
    answer = world.call("get", PATH, world.key)
    assert answer.text.startswith("retry: ")
    assert answer.text.endswith("\n\n")


def test_an_id_that_is_none_is_refused(world: World):
    refused = world.call("get", PATH, world.key, headers={"Last-Event-ID": "yesterday"})
    assert refused.status_code == 422
    assert refused.json["errors"][0]["parameter"] == "Last-Event-ID"


def test_an_id_from_a_future_that_never_came_begins_at_the_present(world: World):
    far = Position(2**62, UUID(int=1))
    answer = world.call("get", PATH, world.key, headers={"Last-Event-ID": str(far)})
    [said] = [line for line in answer.text.split("\n\n")[0].splitlines() if line[:3] == "id:"]
    position = Position.read(said.removeprefix("id: "))
    assert position is not None
    assert position < far


@given(st.integers(0, 2**63 - 1), st.uuids())
def test_a_position_is_read_as_it_was_written(transaction_id: int, event_id: UUID):
    position = Position(transaction_id, event_id)
    assert Position.read(str(position)) == position


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1", "1-x", f"1 -{UUID(int=1)}", f"1-{UUID(int=1)}\n"]
)
def test_what_is_no_position_is_none(text: str):
    assert Position.read(text) is None


def test_blocks_are_as_the_standard_has_them():
    at = Position(7, UUID(int=1))
    assert begin(at) == f"retry: 2000\nid: {at}\n\n"
    assert beat(at) == f": still here\nid: {at}\n\n"
    assert tell(at, "redeemed", {"a": "x\ny"}) == (
        f'id: {at}\nevent: redeemed\ndata: {{"a":"x\\ny"}}\n\n'
    )
