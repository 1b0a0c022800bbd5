from datetime import UTC, datetime, timedelta

import pytest

from lbs.facebook_pages.policy import (
    NEEDED,
    TRIES,
    find_posted,
    next_try,
    read_check,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LINK = "https://lbs.example/s/ours"


def post(post_id: str, link: str | None = None, **members: object) -> dict[str, object]:
    attached = {"attachments": {"data": [{"unshimmed_url": link}]}} if link else {}
    return {"id": post_id, "created_time": "2026-11-22T12:00:10+0000", **attached, **members}


FEEDS = [
    ("by its link", [post("1_2"), post("1_1", LINK)], "1_1"),
    ("by a plain link", [post("1_1", link=None) | {"link": LINK}], "1_1"),
    ("another link in the same words", [post("1_1", "https://x.example", message="Hej")], None),
    ("by words where no link is told", [post("1_1", message="Hej")], "1_1"),
    ("in other words", [post("1_1", message="Hejsa")], None),
    (
        "the same words long before",
        [post("1_1", message="Hej", created_time="2026-11-22T11:00:00+0000")],
        None,
    ),
    ("the same words of no time", [post("1_1", message="Hej", created_time="soon")], None),
    ("another post of ours", [post("1_9", message="Hej")], None),
    ("link before words", [post("1_2", message="Hej"), post("1_1", LINK)], "1_1"),
    ("nothing", [], None),
    ("no posts", None, None),
    ("nonsense", [None, 7, {"id": 3}, {"id": "1_1", "attachments": [1]}], None),
]


@pytest.mark.parametrize(("feed", "found"), [row[1:] for row in FEEDS], ids=[r[0] for r in FEEDS])
def test_our_post_is_known_again(feed: object, found: str | None):
    assert find_posted({"data": feed}, LINK, "Hej", NOON, {"1_9"}) == found


def test_a_post_without_words_is_known_by_its_link_alone():
    assert find_posted({"data": [post("1_1")]}, LINK, None, NOON, set()) is None


def test_tries_grow_apart_and_end_after_eight_or_a_day():
    waits = [next_try(failed, NOON, 0.5, NOON) - NOON for failed in range(1, TRIES)]
    assert waits[:3] == [timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=9)]
    assert waits[-1] == timedelta(hours=6)
    assert sum(waits, timedelta()) < timedelta(hours=24)
    assert next_try(TRIES, NOON, 0.5, NOON) is None
    assert next_try(2, NOON, 0.5, NOON + timedelta(hours=24)) is None


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 48), (1.0, 72)])
def test_a_wait_is_a_fifth_shorter_or_longer(chance: float, seconds: int):
    assert next_try(1, NOON, chance, NOON) == NOON + timedelta(seconds=seconds)


ENDS = int(NOON.timestamp())
GOOD = {"is_valid": True, "app_id": "7", "scopes": sorted(NEEDED), "expires_at": 0}
CHECKS = [
    (GOOD, "connected", None),
    (GOOD | {"app_id": 7}, "connected", None),
    (GOOD | {"data_access_expires_at": ENDS}, "connected", NOON),
    (GOOD | {"expires_at": ENDS, "data_access_expires_at": ENDS + 9}, "connected", NOON),
    (GOOD | {"is_valid": False}, "reauth_required", None),
    (GOOD | {"is_valid": "true"}, "reauth_required", None),
    (GOOD | {"app_id": "8"}, "reauth_required", None),
    (GOOD | {"scopes": ["pages_manage_posts"]}, "permission_missing", None),
    (GOOD | {"scopes": None}, "permission_missing", None),
    (GOOD | {"expires_at": 10**30}, "connected", None),
    (GOOD | {"expires_at": "soon"}, "connected", None),
    (None, "reauth_required", None),
    ([], "reauth_required", None),
]


@pytest.mark.parametrize(("data", "status", "ends"), CHECKS)
def test_what_meta_says_of_a_token_is_judged(data: object, status: str, ends: datetime | None):
    check = read_check(data, app_id="7", is_subscribed=True)
    assert (check.status, check.expires_at) == (status, ends)
