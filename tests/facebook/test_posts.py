"""An offer is posted once, whatever goes wrong on the way."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from lbs.facebook_hooks.jobs import read_all
from lbs.facebook_pages import service
from lbs.facebook_pages.jobs import Poster
from lbs.facebook_pages.policy import Outcome
from lbs.vault import Vault
from tests.cli.test_commands import lbs
from tests.facebook.posting import PageOwner
from tests.live import variables
from tests.meta_standin.pages import Pages
from tests.meta_standin.webhooks import comment, entry, escaped, headers_of, page, reaction, share
from tests.world import World, now

FEED = "/feed$"


def shown(owner: PageOwner) -> list[str]:
    """The messages on the Page, newest first."""
    return [post.message for post in owner.page.shown]


def asked(owner: PageOwner) -> int:
    return len(owner.meta.calls(FEED, "POST"))


def dead_of(owner: PageOwner, post: dict[str, Any]) -> tuple[str, str | None]:
    found = owner.read(post)
    return found["state"], found["problem"]


def test_an_offer_is_posted_with_a_link_that_meta_has_read(owner: PageOwner):
    post = owner.post("Kom ind i varmen – æøå")
    assert (post["state"], post["post_id"]) == ("queued", None)
    owner.work()
    found = owner.read(post)
    [there] = owner.page.shown
    assert (found["state"], found["post_id"]) == ("posted", there.id)
    assert (there.message, there.link) == ("Kom ind i varmen – æøå", post["share_url"])
    assert owner.meta.state_of(Pages).read[there.link]["title"]
    scraped, posted = owner.meta.calls(r"v26.0/$", "POST"), owner.meta.calls(FEED, "POST")
    assert [len(scraped), len(posted)] == [1, 1]
    assert scraped[0].at < posted[0].at
    assert "scheduled_publish_time" not in posted[0].form


def test_a_post_needs_no_message(owner: PageOwner):
    post = owner.post(None)
    owner.work()
    assert owner.read(post)["state"] == "posted"


def test_every_post_has_a_link_of_its_own_that_leads_to_the_offer(owner: PageOwner):
    links = {owner.post(f"{n}")["share_url"] for n in range(3)}
    assert len(links) == 3
    for link in links:
        page = httpx.get(link, trust_env=False)
        assert page.status_code == 200
        assert "Something warm is on us" in page.text


def test_a_friend_who_comes_by_the_post_is_counted_for_it(owner: PageOwner):
    owner.post()
    owner.work()
    [there] = owner.page.shown
    token = there.link.rpartition("/")[2]
    guest = owner.world.customer()
    owner.world.ask("post", "/v1/referrals", guest, json={"token": token})
    select = """
        SELECT kind, subject_id FROM ledger_event
        WHERE offer_id = :id AND share_id IS NOT NULL ORDER BY at
    """
    with owner.world.db.transaction() as session:
        facts = session.execute(text(select), {"id": owner.offer["id"]}).all()
    assert [tuple(fact) for fact in facts] == [("share_fetched", None), ("share_visited", None)]


# --- when -------------------------------------------------------------------------------------


def test_a_scheduled_post_is_kept_until_its_time(owner: PageOwner):
    at = now() + timedelta(hours=2)
    post = owner.post(publish_at=at.isoformat())
    owner.work()
    assert shown(owner) == []
    assert datetime.fromisoformat(owner.read(post)["next_try_at"]) == at
    owner.advance(hours=2)
    owner.work()
    assert owner.read(post)["state"] == "posted"


@pytest.mark.parametrize(
    "delta", [timedelta(minutes=-1), timedelta(days=30, minutes=1), timedelta(days=3)]
)
def test_a_time_out_of_bounds_is_refused(owner: PageOwner, delta: timedelta):
    ends = (now() + timedelta(days=2)).isoformat()
    soon = owner.world.offer(owner.world.venue(), valid_to=ends)
    owner.offer = soon if delta == timedelta(days=3) else owner.offer
    body = {
        "facebook_page_id": owner.connected["id"],
        "publish_at": (now() + delta).isoformat(),
    }
    answer = owner.world.ask("post", owner.posts_path, status=409, json=body)
    assert answer["code"] == "facebook-post-time-refused"


@pytest.mark.parametrize("status", ["draft", "paused", "ended"])
def test_only_an_active_offer_is_posted(owner: PageOwner, status: str):
    owner.offer = owner.world.offer(owner.world.venue(), status=status)
    body = {"facebook_page_id": owner.connected["id"]}
    answer = owner.world.ask("post", owner.posts_path, status=404, json=body)
    assert answer["code"] == "offer-not-running"


@pytest.mark.parametrize("status", ["paused", "ended"])
def test_a_scheduled_post_of_an_offer_that_stops_is_cancelled(owner: PageOwner, status: str):
    post = owner.post(publish_at=(now() + timedelta(hours=2)).isoformat())
    path = f"/v1/offers/{owner.offer['id']}/status"
    owner.world.ask("post", path, json={"status": status})
    owner.work()
    assert owner.read(post)["state"] == "cancelled"
    owner.advance(hours=3)
    owner.work()
    assert shown(owner) == []


def test_a_cancelled_post_is_not_posted(owner: PageOwner):
    post = owner.post()
    owner.delete(post)
    owner.work()
    assert owner.read(post)["state"] == "cancelled"
    assert shown(owner) == []


def test_a_post_is_deleted_from_the_page(owner: PageOwner):
    post = owner.post()
    owner.work()
    owner.delete(post)
    owner.delete(post)
    assert owner.read(post)["state"] == "deleting"
    owner.work()
    assert owner.read(post)["state"] == "deleted"
    assert shown(owner) == []


def test_a_post_that_somebody_deleted_on_facebook_counts_as_deleted(owner: PageOwner):
    post = owner.post()
    owner.work()
    owner.page.posts[0].deleted = True
    owner.delete(post)
    owner.work()
    assert owner.read(post)["state"] == "deleted"


def test_a_post_deleted_while_nobody_knows_whether_it_is_there_is_found_and_goes(
    owner: PageOwner,
):
    owner.meta.fail(FEED, method="POST", truncated=True)
    post = owner.post()
    owner.work()
    assert len(shown(owner)) == 1
    owner.delete(post)
    owner.advance(hours=1)
    owner.work()
    assert owner.read(post)["state"] == "deleted"
    assert shown(owner) == []


def test_a_page_that_is_left_is_not_posted_to(owner: PageOwner):
    post = owner.post()
    owner.world.ask("delete", f"/v1/facebook/pages/{owner.connected['id']}")
    owner.work()
    assert owner.read(post)["state"] == "cancelled"
    body = {"facebook_page_id": owner.connected["id"]}
    owner.world.ask("post", owner.posts_path, status=404, json=body)
    assert shown(owner) == []


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"code": 1},
        {"code": 2, "status": 500},
        {"status": 503},
        {"instead": True},
        {"truncated": True},
        {"hold": 6.0},
    ],
    ids=["code 1", "code 2", "down", "no JSON", "cut off", "late"],
)
def test_what_may_have_been_posted_is_looked_for_and_posted_once(owner: PageOwner, fault):
    owner.meta.fail(FEED, method="POST", **fault)
    post = owner.post()
    owner.work()
    found = owner.read(post)
    assert (found["state"], found["post_id"]) == ("queued", None)
    was_there = len(shown(owner))
    owner.advance(minutes=2)
    owner.work()
    assert owner.read(post)["state"] == "posted"
    assert owner.read(post)["post_id"] == owner.page.shown[0].id
    assert len(shown(owner)) == 1
    assert asked(owner) == (1 if was_there else 2)


def test_two_posts_in_the_same_words_are_told_apart(owner: PageOwner):
    first = owner.post("Same words")
    owner.work()
    owner.meta.fail(FEED, method="POST", truncated=True)
    second = owner.post("Same words")
    owner.work()
    owner.advance(minutes=2)
    owner.work()
    ids = [owner.read(post)["post_id"] for post in (first, second)]
    assert ids == [post.id for post in reversed(owner.page.shown)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    "fault", [*({"code": code} for code in (4, 17, 32, 341, 613, 80001)), {"status": 429}], ids=str
)
def test_a_throttled_page_rests_and_is_connected_still(owner: PageOwner, fault: dict[str, int]):
    owner.meta.fail(FEED, method="POST", **fault)
    post, other = owner.post("one"), owner.post("two")
    owner.work()
    page = owner.read_page()
    assert page["status"] == "paused"
    until = datetime.fromisoformat(page["paused_until"])
    assert timedelta(minutes=14) < until - now() <= timedelta(minutes=15)
    assert (asked(owner), owner.read(post)["error_code"]) == (1, fault.get("code"))
    owner.work()
    assert asked(owner) == 1
    owner.advance(minutes=15)
    owner.work()
    assert [owner.read(one)["state"] for one in (post, other)] == ["posted", "posted"]
    assert owner.read_page()["status"] == "connected"


def business_usage(owner: PageOwner, percent: int, minutes: int = 0) -> dict[str, str]:
    regain = f'"estimated_time_to_regain_access":{minutes}'
    said = f'{{"{owner.page.id}":[{{"type":"pages","call_count":{percent},{regain}}}]}}'
    return {"X-Business-Use-Case-Usage": said}


@pytest.mark.parametrize(
    ("percent", "minutes", "rest"), [(79, 0, 0), (80, 0, 1), (96, 0, 15), (97, 33, 33)]
)
def test_a_budget_that_runs_short_is_spared(owner: PageOwner, percent, minutes, rest):
    owner.meta.usage = business_usage(owner, percent, minutes)
    first, second = owner.post("one"), owner.post("two")
    owner.work()
    assert owner.read(first)["state"] == "posted"
    assert owner.read(second)["state"] == ("queued" if rest else "posted")
    if rest:
        until = datetime.fromisoformat(owner.read_page()["paused_until"])
        assert timedelta(minutes=rest - 1) < until - now() <= timedelta(minutes=rest)


def test_the_time_that_meta_says_is_kept(owner: PageOwner):
    owner.meta.usage = business_usage(owner, 100, 47)
    owner.meta.fail(FEED, method="POST", code=80001)
    owner.post()
    owner.work()
    until = datetime.fromisoformat(owner.read_page()["paused_until"])
    assert timedelta(minutes=46) < until - now() <= timedelta(minutes=47)


@pytest.mark.parametrize("subcode", [460, 463])
def test_with_a_dead_token_posts_wait_for_the_page_to_be_connected_again(
    owner: PageOwner, subcode: int
):
    post, other = owner.post("one"), owner.post("two")
    owner.meta.kill_tokens(subcode, owner.page.id)
    owner.work()
    assert owner.read_page()["status"] == "reauth_required"
    assert owner.notices() == ["facebook_page_reauth_required"]
    body = {"facebook_page_id": owner.connected["id"]}
    answer = owner.world.ask("post", owner.posts_path, status=409, json=body)
    assert answer["code"] == "facebook-page-not-connected"
    owner.advance(days=9)
    owner.work()
    assert asked(owner) == 1
    owner.connect()
    owner.work()
    assert [owner.read(one)["state"] for one in (post, other)] == ["posted", "posted"]


def test_what_waits_for_a_dead_token_waits_no_longer_than_the_offer_runs(owner: PageOwner):
    post = owner.post()
    owner.meta.kill_tokens(463, owner.page.id)
    owner.work()
    path = f"/v1/offers/{owner.offer['id']}/status"
    owner.world.ask("post", path, json={"status": "ended"})
    owner.connect()
    owner.work()
    owner.work()
    assert owner.read(post)["state"] == "deleted"
    assert shown(owner) == []


def test_a_missing_permission_stops_the_page(owner: PageOwner):
    owner.meta.fail(FEED, method="POST", code=200, status=403)
    post = owner.post()
    owner.work()
    owner.work()
    assert (owner.read_page()["status"], asked(owner)) == ("permission_missing", 1)
    assert owner.notices() == ["facebook_page_permission_missing"]
    owner.connect()
    owner.work()
    assert owner.read(post)["state"] == "posted"


def test_a_blocked_page_rests_for_a_day(owner: PageOwner):
    owner.meta.fail(FEED, method="POST", code=368)
    post = owner.post()
    owner.work()
    page = owner.read_page()
    assert (page["status"], page["error_code"]) == ("paused", 368)
    assert datetime.fromisoformat(page["paused_until"]) > now() + timedelta(hours=23, minutes=59)
    assert owner.notices() == ["facebook_page_blocked"]
    owner.advance(hours=23)
    owner.work()
    assert asked(owner) == 1
    owner.advance(hours=1)
    owner.work()
    assert owner.read(post)["state"] == "posted"


def test_a_duplicate_is_found_and_not_posted_again(owner: PageOwner):
    """The answer was lost, and the post not yet in the feed when it was looked for."""
    owner.meta.fail(FEED, method="POST", truncated=True)
    post = owner.post()
    owner.work()
    [there] = owner.page.posts
    there.deleted = True
    owner.meta.fail(FEED, method="POST", code=506)
    owner.advance(minutes=2)
    owner.work()
    assert dead_of(owner, post) == ("dead", "duplicate")
    there.deleted = False
    assert replay(owner) == 1
    owner.work()
    assert owner.read(post)["post_id"] == there.id
    assert len(shown(owner)) == 1


def test_a_link_that_could_not_be_read_is_read_again_and_posted(owner: PageOwner):
    owner.meta.fail(FEED, method="POST", code=1609005)
    post = owner.post()
    owner.work()
    assert owner.read(post)["state"] == "posted"
    assert len(owner.meta.calls(r"v26.0/$", "POST")) == 2


def test_a_link_that_cannot_be_read_is_tried_once_more_and_given_up(owner: PageOwner):
    owner.meta.fail(FEED, method="POST", code=1609005, times=2)
    post = owner.post()
    owner.work()
    owner.work()
    assert dead_of(owner, post) == ("dead", "link_unreadable")
    assert asked(owner) == 2


def test_a_link_that_cannot_be_read_before_posting_keeps_nothing_back(owner: PageOwner):
    owner.meta.fail(r"v26.0/$", method="POST", code=4)
    post = owner.post()
    owner.work()
    assert owner.read(post)["state"] == "posted"
    assert owner.read_page()["status"] == "connected"


def replay(owner: PageOwner) -> int:
    with owner.world.db.transaction() as session:
        return service.replay(session, now(), owner.world.merchant_id)


def test_a_refused_post_is_dead_with_its_trace_until_it_is_replayed(owner: PageOwner):
    owner.meta.fail(FEED, method="POST", code=100)
    post = owner.post()
    owner.work()
    owner.work()
    assert dead_of(owner, post) == ("dead", "refused")
    found = owner.read(post)
    assert found["error_code"] == 100
    assert re.fullmatch("A[0-9a-f]{16}", found["trace_id"])
    assert owner.notices() == ["facebook_post_failed"]
    assert asked(owner) == 1
    assert replay(owner) == 1
    owner.work()
    assert owner.read(post)["state"] == "posted"


def test_the_operator_lists_what_is_dead_and_has_it_tried_anew(owner: PageOwner):
    with owner.world.db.transaction() as session:  # those of other tests
        session.execute(text("UPDATE facebook_post SET state = 'cancelled' WHERE state = 'dead'"))
    owner.meta.fail(FEED, method="POST", code=100)
    post = owner.post()
    owner.work()
    env = {**os.environ, **variables(owner.settings)}
    trace = owner.read(post)["trace_id"]
    listed = lbs(env, "facebook", "dead")
    assert f"{post['id']}  merchant {owner.world.merchant_id}  refused, code 100" in listed
    assert f"trace {trace}" in listed
    assert re.search(r"posts +1 tried anew", lbs(env, "facebook", "replay"))
    owner.work()
    assert owner.read(post)["state"] == "posted"


def test_eight_tries_within_a_day_are_made_and_no_more(owner: PageOwner):
    owner.meta.fail(FEED, method="POST", status=503, times=99)
    post = owner.post()
    for _ in range(12):
        owner.work()
        owner.advance(hours=3)
    assert dead_of(owner, post) == ("dead", "gave_up")
    assert asked(owner) <= 8
    assert asked(owner) >= 5
    owner.meta.faults.clear()
    assert replay(owner) == 1
    owner.work()
    assert owner.read(post)["state"] == "posted"


def test_a_dead_post_of_an_offer_that_is_over_stays_dead(owner: PageOwner):
    owner.meta.fail(FEED, method="POST", code=100)
    owner.post()
    owner.work()
    path = f"/v1/offers/{owner.offer['id']}/status"
    owner.world.ask("post", path, json={"status": "ended"})
    assert replay(owner) == 0


def test_what_another_has_taken_since_is_not_settled(owner: PageOwner):
    post = owner.post()
    vault, page_id = Vault(owner.settings.secrets_key), UUID(owner.connected["id"])
    with owner.world.db.transaction() as session:
        first = service.take(session, page_id, vault, now())
    with owner.world.db.transaction() as session:
        assert service.take(session, page_id, vault, now()) is None
    owner.advance(minutes=6)
    assert Poster(owner.world.db, owner.settings).post_next(page_id)
    with owner.world.db.transaction() as session:
        service.settle(session, first, Outcome(post_id="1_1"), 0.5, now())
    assert owner.read(post)["post_id"] == owner.page.shown[0].id
    assert (first.asked_at, len(shown(owner))) == (None, 1)


# --- what is on it ----------------------------------------------------------------------------


def test_what_meta_tells_of_a_post_is_counted_with_it(owner: PageOwner):
    post = owner.post()
    owner.work()
    there = owner.page.shown[0].id
    changes = (reaction(there, "1"), reaction(there, "2"), comment(there, "9"), share(there, "7"))
    raw = escaped(page(entry(owner.page.id, *changes)))
    address = f"{owner.settings.public_url}/webhooks/facebook"
    answer = httpx.post(address, content=raw, headers=headers_of(owner.meta, raw), trust_env=False)
    assert answer.status_code == 200
    read_all(owner.world.db, Vault(owner.settings.secrets_key))
    read = owner.read(post)
    assert [read[name] for name in ("reactions", "comments", "shares")] == [2, 1, 1]


# --- whose it is ------------------------------------------------------------------------------


def test_another_merchants_page_and_posts_are_not_there(owner: PageOwner):
    post, other = owner.post(), World(owner.world.app)
    page = f"/v1/facebook/pages/{owner.connected['id']}"
    for method, path in (
        ("get", page),
        ("delete", page),
        ("get", owner.posts_path),
        ("get", f"{owner.posts_path}/{post['id']}"),
        ("delete", f"{owner.posts_path}/{post['id']}"),
    ):
        other.ask(method, path, status=404)
    theirs = other.offer(other.venue())
    body = {"facebook_page_id": owner.connected["id"]}
    path = f"/v1/offers/{theirs['id']}/facebook-posts"
    assert other.ask("post", path, status=404, json=body)["code"] == "facebook-page-not-found"
    elsewhere = owner.world.offer(owner.world.venue())
    wrong = f"/v1/offers/{elsewhere['id']}/facebook-posts/{post['id']}"
    assert owner.world.ask("get", wrong, status=404)["code"] == "facebook-post-not-found"


def test_posts_are_listed_newest_first(owner: PageOwner):
    made = [owner.post(f"{n}")["id"] for n in range(5)]
    first = owner.world.ask("get", owner.posts_path, query_string={"limit": 3})
    query = {"limit": 3, "cursor": first["next_cursor"]}
    rest = owner.world.ask("get", owner.posts_path, query_string=query)
    assert [post["id"] for post in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None
