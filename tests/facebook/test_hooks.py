"""Meta's webhooks: taken in at once, read later, and counted as if each had come once, in order."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from prometheus_client import REGISTRY
from sqlalchemy import text

from lbs.facebook_hooks import service
from lbs.facebook_hooks.jobs import read_all
from lbs.facebook_hooks.policy import Counts
from lbs.facebook_hooks.routes import MAX_BYTES
from lbs.vault import Vault
from tests.exports.making import working
from tests.facebook.test_login import person
from tests.live import serving, variables
from tests.meta_standin.server import Meta
from tests.meta_standin.webhooks import (
    batched,
    comment,
    deliver,
    entry,
    escaped,
    headers_of,
    page,
    reaction,
    share,
    signature,
)
from tests.racing import at_once
from tests.world import World, now

PATH = "/webhooks/facebook"
VECTOR = (
    rb'{"object":"page","entry":[{"id":"1","time":1520383571,"changes":[{"field":"feed","value":'
    rb'{"item":"comment","verb":"add","message":"\u00e4\u00f6\u00e5"}}]}]}'
)
VECTOR_SIGNATURE = "sha256=ef3bbb67c69881091d18d5b0204669de2106938b8ad712a21c12a473f59db426"
SCRIPT = """
import os
import lbs.tables
from lbs.config import Settings
from lbs.db import Database
from lbs.facebook_hooks.jobs import read_all
from lbs.vault import Vault
settings = Settings.from_env(os.environ)
read_all(Database(settings.database_url), Vault(settings.secrets_key))
"""
BLOCKED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO facebook_engaged_post%'
"""


@pytest.fixture
def world(facebook_world: World) -> Iterator[World]:
    """Nothing is left unread, before or after."""
    _empty(facebook_world)
    yield facebook_world
    _empty(facebook_world)


def _empty(world: World) -> None:
    with world.db.transaction() as session:
        session.execute(text("DELETE FROM facebook_webhook"))


def _wait_until_blocked(world: World) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with world.db.transaction() as session:
            if session.scalar(text(BLOCKED)):
                return
        time.sleep(0.02)
    pytest.fail("no worker waits")


@pytest.fixture
def post_id() -> str:
    """Of a post that no other test knows."""
    return f"11_{person()}"


def send(world: World, meta: Meta, raw: bytes, **headers: str) -> Any:
    given = {**headers_of(meta, raw), **headers}
    return world.app.test_client().post(PATH, data=raw, headers=given)


def tell(world: World, meta: Meta, *changes: Any, page_id: str = "11") -> None:
    for raw in batched(page_id, changes):
        assert send(world, meta, raw).status_code == 200


def read(world: World) -> None:
    read_all(world.db, Vault(world.app.extensions["lbs_settings"].secrets_key))


def counts(world: World, post_id: str) -> Counts:
    with world.db.transaction() as session:
        return service.count_by_post(session, [post_id])[post_id]


def table(world: World, name: str) -> list[dict[str, Any]]:
    with world.db.transaction() as session:
        return [row._asdict() for row in session.execute(text(f"SELECT * FROM {name}"))]


def refused() -> float:
    return REGISTRY.get_sample_value("lbs_facebook_refused_total", {"callback": "webhook"}) or 0


def shake(world: World, **asked: str) -> Any:
    usual = {"mode": "subscribe", "challenge": "1158201444", "verify_token": "verify-me"}
    query = {f"hub.{name}": value for name, value in {**usual, **asked}.items() if value}
    return world.client.get(PATH, query_string=query)


def test_the_handshake_says_the_challenge_back_exactly(world: World):
    for challenge in ("1158201444", " a+b&c=%25 <b>", "ærø", "0"):
        answer = shake(world, challenge=challenge)
        assert (answer.status_code, answer.text) == (200, challenge)
        assert answer.content_type.split(";")[0] == "text/plain"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "asked",
    [
        {"verify_token": "other"},
        {"verify_token": "verify-m\u00e9"},
        {"verify_token": ""},
        {"mode": "unsubscribe"},
        {"mode": ""},
        {"challenge": ""},
    ],
    ids=str,
)
def test_who_does_not_know_the_token_gets_no_challenge_back(world: World, asked: dict[str, str]):
    answer = shake(world, **asked)
    assert (answer.status_code, answer.json["code"]) == (403, "facebook-handshake-refused")
    assert "1158201444" not in answer.text


def test_the_vector_is_taken_as_it_came_and_not_as_it_reads(world: World, meta: Meta):
    good = {"X-Hub-Signature-256": VECTOR_SIGNATURE, "X-Hub-Signature": ""}
    again = json.dumps(json.loads(VECTOR), ensure_ascii=False, separators=(",", ":")).encode()
    assert send(world, meta, again, **good).status_code == 401
    assert send(world, meta, VECTOR, **good).status_code == 200
    [row] = table(world, "facebook_webhook")
    assert row["body"] == VECTOR


def test_only_what_meta_has_signed_is_kept(world: World, meta: Meta, post_id: str):
    raw = escaped(page(entry("11", comment(post_id, "1"))))
    good = signature(meta.app_secret, raw)
    before = refused()
    bad = [
        {"X-Hub-Signature-256": signature("other", raw)},
        {"X-Hub-Signature-256": signature(meta.app_secret, raw + b" ")},
        {"X-Hub-Signature-256": good.removeprefix("sha256=")},
        {"X-Hub-Signature-256": good.upper()},
        {"X-Hub-Signature-256": signature(meta.app_secret, raw, "sha1")},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=\u00e9"},
    ]
    for headers in bad:
        answer = send(world, meta, raw, **headers)
        assert (answer.status_code, answer.json["code"]) == (401, "facebook-signature-invalid")
    by_sha1_alone = {"X-Hub-Signature": signature(meta.app_secret, raw, "sha1")}
    answer = world.client.post(PATH, data=raw, headers=by_sha1_alone)
    assert answer.status_code == 401
    assert refused() == before + len(bad) + 1
    assert table(world, "facebook_webhook") == []


def test_it_is_off_where_there_is_no_app(world_without_facebook: World, meta: Meta):
    off = world_without_facebook
    for answer in (shake(off), send(off, meta, b"{}")):
        assert (answer.status_code, answer.json["code"]) == (503, "facebook-not-configured")


def test_what_happens_on_a_post_is_counted_when_it_is_read(world: World, meta: Meta, post_id: str):
    tell(
        world,
        meta,
        reaction(post_id, "7"),
        reaction(post_id, "8", reaction_type="like"),
        comment(post_id, f"{post_id}_1"),
        comment(post_id, f"{post_id}_2", parent_id=f"{post_id}_1"),
        comment(post_id, f"{post_id}_3"),
        share(post_id, "99"),
        reaction(post_id, "9", parent_id=f"{post_id}_1"),
    )
    assert counts(world, post_id) == Counts()
    read(world)
    assert counts(world, post_id) == Counts(reactions=2, comments=3, shares=1)
    tell(
        world,
        meta,
        reaction(post_id, "8", "edit", reaction_type="wow"),
        reaction(post_id, "7", "remove"),
        comment(post_id, f"{post_id}_2", "remove"),
        share(post_id, "99", "remove"),
    )
    read(world)
    assert counts(world, post_id) == Counts(reactions=1, comments=2, shares=0)
    assert counts(world, "11_0") == Counts()


def test_a_thousand_changes_are_taken_within_a_second_and_read(
    world: World, meta: Meta, post_id: str
):
    """With comments as long as people write them, in a script that Meta escapes."""
    words = "å" * 2000
    changes = [comment(post_id, f"{post_id}_{n}", message=words) for n in range(1000)]
    [raw] = batched("11", changes)
    assert 12_000_000 < len(raw) < MAX_BYTES
    began = time.perf_counter()
    assert send(world, meta, raw).status_code == 200
    assert time.perf_counter() - began < 1
    read(world)
    assert counts(world, post_id).comments == 1000
    too_long = b" " * (MAX_BYTES + 1)
    assert send(world, meta, too_long).status_code == 413


def test_what_comes_again_is_kept_and_counted_once(world: World, meta: Meta, post_id: str):
    """The same bytes, and the same changes in other company at another time."""
    one, other = comment(post_id, f"{post_id}_1"), reaction(post_id, "7")
    for _ in range(3):
        tell(world, meta, one, other)
    assert len(table(world, "facebook_webhook")) == 1
    read(world)
    tell(world, meta, one, other)
    again = page(entry("11", other, one, other, time=1), entry("11", one, share(post_id, "9")))
    assert send(world, meta, escaped(again)).status_code == 200
    read(world)
    assert len(table(world, "facebook_webhook")) == 2
    assert len(table(world, "facebook_change")) == 3
    assert counts(world, post_id) == Counts(1, 1, 1)


def test_the_same_webhook_ten_times_at_once(world: World, meta: Meta, post_id: str):
    raw = escaped(page(entry("11", comment(post_id, "1"), reaction(post_id, "7"))))
    answers = at_once([lambda: send(world, meta, raw)] * 10)
    assert [answer.status_code for answer in answers] == [200] * 10
    assert len(table(world, "facebook_webhook")) == 1
    at_once([lambda: read(world)] * 4)
    assert counts(world, post_id) == Counts(1, 1, 0)


def test_many_workers_read_what_overlaps_and_count_it_once(world: World, meta: Meta, post_id: str):
    """Each webhook has the same changes in an order of its own; nobody waits for ever."""
    changes = [
        *(comment(post_id, f"c{n}") for n in range(40)),
        *(reaction(post_id, str(n)) for n in range(40)),
        *(share(post_id, str(n)) for n in range(40)),
    ]
    for seed in range(12):
        random.Random(seed).shuffle(changes)
        tell(world, meta, *changes)
    at_once([lambda: read(world)] * 6)
    assert counts(world, post_id) == Counts(40, 40, 40)
    assert [row["body"] for row in table(world, "facebook_webhook")] == [None] * 12


def history(post_id: str, rng: random.Random) -> tuple[list[Any], Counts]:
    """What people did on a post, in order, and what is left of it."""
    told, reacted, comments, shares = [], set[str](), set[str](), set[str]()
    for step in range(120):
        actor = str(rng.randrange(8))
        kind = rng.choice(["react", "react", "comment", "uncomment", "share", "unshare"])
        if kind == "react":
            verb = "remove" if actor in reacted else "add"
            reacted ^= {actor}
            told.append(reaction(post_id, actor, verb))
        elif kind == "comment":
            comments.add(f"c{step}")
            told.append(comment(post_id, f"c{step}"))
        elif kind == "share":
            shares.add(f"s{step}")
            told.append(share(post_id, f"s{step}"))
        elif kind == "uncomment" and comments:
            told.append(comment(post_id, gone := rng.choice(sorted(comments)), "remove"))
            comments.remove(gone)
        elif kind == "unshare" and shares:
            told.append(share(post_id, gone := rng.choice(sorted(shares)), "remove"))
            shares.remove(gone)
    return told, Counts(len(reacted), len(comments), len(shares))


@pytest.mark.parametrize("seed", range(6))
def test_it_does_not_matter_in_which_order_the_news_comes(
    world: World, meta: Meta, post_id: str, seed: int
):
    """Shuffled, repeated, cut into batches of any size, read in between or not."""
    rng = random.Random(seed)
    told, left = history(post_id, rng)
    sent = told + rng.sample(told, 40)
    rng.shuffle(sent)
    while sent:
        size = rng.randrange(1, 30)
        tell(world, meta, *sent[:size])
        sent = sent[size:]
        if rng.random() < 0.5:
            read(world)
    read(world)
    assert counts(world, post_id) == left


def test_of_a_reaction_given_and_taken_back_in_one_second_nothing_is_left(
    world: World, meta: Meta, post_id: str
):
    both = [reaction(post_id, "7", verb, created_time=5_000) for verb in ("add", "remove")]
    for told in (both, both[::-1]):
        tell(world, meta, *told)
        read(world)
        assert counts(world, post_id) == Counts()
    tell(world, meta, reaction(post_id, "7", created_time=5_001))
    read(world)
    assert counts(world, post_id) == Counts(reactions=1)


def test_what_means_nothing_here_is_kept_ignored_and_answered(
    world: World, meta: Meta, post_id: str
):
    unknown = {"field": "dance", "value": {"item": "tango", "verb": "add", "post_id": post_id}}
    without_values = {"id": "11", "time": 5, "changed_fields": ["feed"]}
    for document in (
        page(entry("11", unknown)),
        page(without_values),
        {"object": "user", "entry": [{"id": "7", "time": 5, "changed_fields": ["email"]}]},
        {"object": "instagram", "entry": [entry("11", comment(post_id, "1"))]},
    ):
        assert send(world, meta, escaped(document)).status_code == 200
    read(world)
    outcomes = [row["outcome"] for row in table(world, "facebook_change")]
    assert outcomes == ["ignored"] * 4
    assert counts(world, post_id) == Counts()


def test_one_poison_change_holds_up_nothing(world: World, meta: Meta, post_id: str):
    poison: list[Any] = [
        None,
        {"field": "feed", "value": {"item": "comment", "verb": "add", "post_id": "\x00"}},
        {"field": "feed", "value": {"item": "reaction", "verb": "add", "post_id": {"a": 1}}},
        {"field": "feed", "value": {"item": "comment", "verb": "add", "comment_id": "\ud800"}},
    ]
    changes = [comment(post_id, "1"), *poison, reaction(post_id, "7")]
    tell(world, meta, *changes)
    assert send(world, meta, b"no JSON at all").status_code == 200
    tell(world, meta, share(post_id, "9"))
    read(world)
    assert counts(world, post_id) == Counts(1, 1, 1)
    outcomes = sorted(row["outcome"] for row in table(world, "facebook_change"))
    assert outcomes == ["counted"] * 3 + ["unreadable"] * 5
    assert all(row["body"] is None for row in table(world, "facebook_webhook"))


def test_one_webhook_that_cannot_be_read_holds_up_no_other(world: World, meta: Meta, post_id: str):
    """The salt of its post is under a key that is gone."""
    tell(world, meta, comment(post_id, "1"))
    read(world)
    spoil = text("UPDATE facebook_engaged_post SET sealed_salt = 'x' WHERE post_id = :id")
    with world.db.transaction() as session:
        session.execute(spoil, {"id": post_id})
    tell(world, meta, comment(post_id, "2"))
    tell(world, meta, comment(other := f"{post_id}1", "1"))
    read(world)
    assert counts(world, other) == Counts(comments=1)
    assert counts(world, post_id) == Counts(comments=1)
    unread = [row for row in table(world, "facebook_webhook") if row["body"] is not None]
    assert len(unread) == 1


def test_nobody_and_nothing_that_was_said_is_kept_once_it_is_read(
    world: World, meta: Meta, post_id: str
):
    secret = {"from": {"id": "700000000000001", "name": "Jane Doe"}, "message": "So lovely!"}
    tell(
        world,
        meta,
        comment(post_id, "1", **secret),
        reaction(post_id, "700000000000001"),
        {"field": "mention", "value": {"item": "post", "verb": "add", "post_id": "5", **secret}},
        {"field": "unheard", "value": secret},
    )
    read(world)
    names = ("webhook", "change", "engaged_post", "engagement")
    kept = str([table(world, f"facebook_{name}") for name in names])
    for told in ("700000000000001", "Jane", "lovely"):
        assert told not in kept
    tell(world, meta, reaction(other := f"{post_id}1", "700000000000001"))
    read(world)
    things = {
        row["thing"]
        for row in table(world, "facebook_engagement")
        if row["post_id"] in (post_id, other) and row["kind"] == "reaction"
    }
    assert len(things) == 2, "nobody is known again on another post"


def test_after_thirty_days_only_the_counts_are_left(world: World, meta: Meta, post_id: str):
    tell(world, meta, comment(post_id, "1"))
    read(world)
    tell(world, meta, comment(post_id, "2"))  # never read
    for days, kept in ((29, 2), (31, 0)):
        with time_machine.travel(now() + timedelta(days=days)):
            with world.db.transaction() as session:
                service.forget_old(session, now())
            assert len(table(world, "facebook_webhook")) == kept
    assert table(world, "facebook_change") == []
    assert counts(world, post_id) == Counts(comments=1)
    tell(world, meta, comment(post_id, "1"))
    read(world)
    assert counts(world, post_id) == Counts(comments=1), "told again after that, it is known still"


def test_a_worker_that_is_killed_over_it_has_counted_nothing_and_another_counts_it_once(
    world: World, meta: Meta, post_id: str, facebook_settings
):
    tell(world, meta, comment(post_id, "1"), reaction(post_id, "7"), share(post_id, "9"))
    env = {**os.environ, **variables(facebook_settings)}
    own = {"id": post_id, "salt": "another's, in the way until it is rolled back"}
    insert = text("INSERT INTO facebook_engaged_post (post_id, sealed_salt) VALUES (:id, :salt)")
    with (
        world.db.transaction() as session,
        subprocess.Popen([sys.executable, "-c", SCRIPT], env=env) as process,
    ):
        session.execute(insert, own)
        try:
            _wait_until_blocked(world)
            read(world)  # another passes over what is being read
        finally:
            process.kill()
            session.rollback()
    assert process.returncode == -signal.SIGKILL
    assert counts(world, post_id) == Counts()
    until = time.monotonic() + 10
    while counts(world, post_id) == Counts() and time.monotonic() < until:
        read(world)
    assert counts(world, post_id) == Counts(1, 1, 1)
    assert len(table(world, "facebook_change")) == 3


def test_the_worker_reads_them_and_forgets_the_old(
    world: World, meta: Meta, post_id: str, facebook_settings
):
    tell(world, meta, comment(post_id, "1"))
    with working(world.db, facebook_settings) as worker:
        for name in ("read_facebook_webhooks", "forget_old_facebook_webhooks"):
            worker.defer(name)
        worker.run()
    assert counts(world, post_id) == Counts(comments=1)


def test_meta_subscribes_and_sends_over_the_network_until_it_is_taken(
    world: World, meta: Meta, graph, post_id: str, facebook_settings
):
    said = {"object": "page", "fields": "feed,mention", "include_values": "true"}
    said |= {"verify_token": meta.verify_token}
    path = f"{meta.app_id}/subscriptions"
    raw = escaped(page(entry("11", comment(post_id, "1"), reaction(post_id, "7"))))
    with serving(facebook_settings) as address:
        said["callback_url"] = f"{address}{PATH}"
        with pytest.raises(Exception, match="2200"):
            graph.call("POST", path, graph.app_token, {**said, "verify_token": "other"}, 5)
        assert graph.call("POST", path, graph.app_token, said, 5).body == {"success": True}
        assert deliver(meta, raw) == [200]
        assert deliver(meta, raw) == [200]
    assert deliver(meta, raw, tries=(0, 0.01)) == [0, 0]
    read(world)
    assert counts(world, post_id) == Counts(1, 1, 0)


def test_with_include_values_off_there_is_nothing_to_count(
    world: World, meta: Meta, graph, post_id: str, facebook_settings
):
    said = {"object": "page", "fields": "feed", "include_values": "false"}
    said |= {"verify_token": meta.verify_token}
    with serving(facebook_settings) as address:
        said["callback_url"] = f"{address}{PATH}"
        graph.call("POST", f"{meta.app_id}/subscriptions", graph.app_token, said, 5)
        assert deliver(meta, escaped(page(entry("11", comment(post_id, "1"))))) == [200]
    read(world)
    assert counts(world, post_id) == Counts()
    assert [row["outcome"] for row in table(world, "facebook_change")] == ["ignored"]
