"""What is read from a webhook: each change, told from others, and nothing that could fail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbs.facebook_hooks.policy import OUTCOMES, Change, Said, digest_of, read_webhook
from tests.meta_standin.webhooks import comment, entry, escaped, page, reaction, share

POST, AT = "11_22", datetime(2018, 3, 7, 0, 46, 11, tzinfo=UTC)
AT_S = 1_520_383_571
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def read(*changes: Any, **members: Any) -> list[Change]:
    return read_webhook(escaped(page(entry("11", *changes, **{"time": AT_S + 9, **members}))))


def one(change: Any) -> Change:
    [found] = read(change)
    return found


def said(change: Any) -> Said | None:
    return one(change).said


def test_a_comment_a_reaction_and_a_share_are_counted():
    assert [change.said for change in read(
        comment(POST, "22_1", created_time=AT_S),
        reaction(POST, "7", created_time=AT_S),
        share(POST, "99", created_time=AT_S),
        comment(POST, "22_1", "remove", created_time=AT_S),
    )] == [
        Said(POST, "comment", "22_1", AT),
        Said(POST, "reaction", "7", AT),
        Said(POST, "share", "99", AT),
        Said(POST, "comment", "22_1", AT, is_there=False),
    ]  # fmt: skip


def test_what_is_kept_of_a_change_names_nobody():
    found = one(comment(POST, "22_1", created_time=AT_S, **{"from": {"id": "7", "name": "Jane"}}))
    assert found == Change(
        "11|feed|comment|add|22_1|||2018-03-07 00:46:11+00:00",
        "counted",
        "11",
        "feed",
        "comment",
        "add",
        POST,
        AT,
        Said(POST, "comment", "22_1", AT),
    )


@pytest.mark.parametrize("verb", ["add", "edit", "edited", "update"])
def test_what_is_edited_is_there(verb: str):
    assert said(comment(POST, "1", verb, created_time=AT_S)) == Said(POST, "comment", "1", AT)


@pytest.mark.parametrize("verb", ["remove", "delete"])
def test_what_is_removed_is_not_there(verb: str):
    assert said(reaction(POST, "7", verb, created_time=AT_S)) == Said(
        POST, "reaction", "7", AT, is_there=False
    )


def test_who_reacted_is_told_in_two_ways_or_not_at_all():
    by_sender = reaction(POST, "7", created_time=AT_S)
    del by_sender["value"]["from"]
    assert one(by_sender).outcome == "ignored"
    by_sender["value"]["sender_id"] = 7
    assert said(by_sender) == said(reaction(POST, "7", created_time=AT_S))


def test_another_reaction_of_the_same_person_is_the_same_thing_and_another_change():
    love, wow = (
        one(reaction(POST, "7", reaction_type=kind, created_time=AT_S)) for kind in ("love", "wow")
    )
    assert love.said == wow.said
    assert love.identity != wow.identity


@pytest.mark.parametrize(
    "change",
    [
        reaction(POST, "7", parent_id="22_1"),
        reaction(POST, "7", comment_id="22_1"),
        reaction(POST, "7", "hide"),
        comment(POST, "22_1", "hide"),
        comment(POST, "22_1", "unhide"),
        {"field": "feed", "value": {"item": "status", "verb": "add", "post_id": POST}},
        {"field": "mention", "value": {**comment(POST, "22_1")["value"], "sender_id": "7"}},
        {"field": "checkins", "value": 7},
        {"field": "checkins"},
        {"field": "feed", "value": None},
        {"field": "feed", "value": []},
        {"field": "feed", "value": {}},
        {"field": "feed", "value": {"item": "x y"}},
        {"field": "\x00", "value": {"item": "comment"}},
        {"field": "quite new", "value": {"item": "dance", "verb": "add"}},
    ],
    ids=str,
)
def test_what_is_not_counted_is_ignored(change: Any):
    found = one(change)
    assert (found.outcome, found.said) == ("ignored", None)


@pytest.mark.parametrize(
    "change",
    [
        comment(None, "22_1"),
        comment("1 2", "22_1"),
        comment("\x00", "22_1"),
        reaction({}, "7"),
        "change",
        None,
        7,
        [],
        {},
        {"field": 7},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_said_to_be_so_and_the_rest_is_read(change: Any):
    good = comment(POST, "22_1")
    first, poison, last = read(good, change, good)
    assert poison.outcome == "unreadable"
    assert first == last
    assert first.outcome == "counted"


@pytest.mark.parametrize(
    "time",
    [AT_S, f"{AT_S} ", AT_S * 1000 + 5, None, "2018-03-07T00:46:11+0000", True, -5, 10**30, {}],
    ids=str,
)
def test_without_a_time_of_its_own_it_has_the_time_it_was_sent(time: Any):
    [found] = read(reaction(POST, "7", created_time=time), time=AT_S)
    assert found.said == Said(POST, "reaction", "7", AT)


def test_a_time_may_come_as_text():
    assert said(reaction(POST, "7", created_time=str(AT_S))) == Said(POST, "reaction", "7", AT)


def test_without_any_time_a_reaction_cannot_be_counted():
    [found] = read(reaction(POST, "7", created_time=None), time=None)
    assert found.outcome == "unreadable"


def test_the_time_of_sending_does_not_make_another_change():
    again = [read(comment(POST, "22_1", created_time=AT_S), time=sent)[0] for sent in (5, 6)]
    assert again[0] == again[1]


def test_different_changes_have_different_identities():
    changes = [
        comment(POST, "22_1", created_time=AT_S),
        comment(POST, "22_2", created_time=AT_S),
        comment(POST, "22_1", created_time=AT_S + 1),
        comment(POST, "22_1", "remove", created_time=AT_S),
        reaction(POST, "7", created_time=AT_S),
        reaction(POST, "8", created_time=AT_S),
        reaction("11_23", "7", created_time=AT_S),
        share(POST, "1", created_time=AT_S),
        share(POST, "2", created_time=AT_S),
        {"field": "checkins", "value": 7},
        {"field": "checkins", "value": 8},
        {"field": "checkins"},
    ]
    found = [*read(*changes), *read(changes[0], id="12")]
    assert len({change.identity for change in found}) == len(changes) + 1


def test_without_values_only_the_names_are_there():
    document = page({"id": "11", "time": AT_S, "changed_fields": ["feed", "mention", 7]})
    found = read_webhook(escaped(document))
    assert [(change.outcome, change.field, change.said) for change in found] == [
        ("ignored", "feed", None),
        ("ignored", "mention", None),
        ("ignored", None, None),
    ]
    assert len({change.identity for change in found}) == 3


def test_other_objects_are_ignored():
    document = {**page(entry("11", comment(POST, "22_1"))), "object": "instagram"}
    [found] = read_webhook(escaped(document))
    assert (found.outcome, found.said) == ("ignored", None)


def test_an_entry_without_changes_is_ignored():
    [found] = read_webhook(escaped(page({"id": "11", "time": AT_S, "messaging": [{"x": 1}]})))
    assert found.outcome == "ignored"


def test_many_entries_and_changes_keep_their_order():
    document = page(
        entry("11", comment("11_1", "a"), comment("11_1", "b")), entry("12", comment("12_1", "c"))
    )
    found = read_webhook(escaped(document))
    assert [(change.page_id, change.said.thing) for change in found if change.said] == [
        ("11", "a"),
        ("11", "b"),
        ("12", "c"),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"{}",
        b'{"entry":7}',
        b'{"entry":[7]}',
        b'{"entry":[{"changes":7}]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"entry":' + b"9" * 5000 + b"}",
    ],
    ids=lambda raw: str(raw[:20]),
)
def test_a_body_that_is_no_webhook_is_one_unreadable_change(raw: bytes):
    [found] = read_webhook(raw)
    assert found.outcome == "unreadable"


@given(JSON, JSON, JSON)
def test_whatever_is_signed_can_be_taken_in(value: Any, change: Any, whole: Any):
    """Every part can be anything; what comes out can be stored."""
    document = page(entry("11", {"field": "feed", "value": value}, change), whole)
    for raw in (escaped(document), escaped(whole)):
        for found in read_webhook(raw):
            assert found.outcome in OUTCOMES
            texts = (found.page_id, found.field, found.item, found.verb, found.post_id)
            assert all(text is None or (text.isascii() and text.isprintable()) for text in texts)
            assert found.identity.encode()


NAMES = ["item", "verb", "post_id", "from", "created_time", "comment_id", "share_id", "parent_id"]
WORDS = ["comment", "reaction", "share", "add", "remove", "11_22"]


@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(WORDS)))
def test_whatever_a_value_holds_it_can_be_read(value: dict[str, Any]):
    [found] = read({"field": "feed", "value": value})
    assert (found.said is not None) == (found.outcome == "counted")


def test_a_digest_is_of_its_salt():
    assert digest_of("7", b"a" * 16) == digest_of("7", b"a" * 16) != digest_of("7", b"b" * 16)
