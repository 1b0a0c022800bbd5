"""Shares: one link a customer and offer; a friend's visit is credited once, never to oneself."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from lbs.shares import queries
from lbs.shares.queries import IS_REFERRED
from tests.racing import at_once, post_at_once
from tests.unlocks.stock import events
from tests.world import World, now

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


def share(world: World, customer: str, offer: dict[str, Any]) -> dict[str, Any]:
    return world.ask("post", f"/v1/offers/{offer['id']}/shares", customer)


def refer(world: World, customer: str, token: str) -> Any:
    return world.call("post", "/v1/referrals", customer, json={"token": token})


def is_referred(world: World, person: dict[str, Any], offer: dict[str, Any], at: datetime) -> bool:
    query = f"""
        SELECT {IS_REFERRED} FROM customer, offer
        WHERE customer.id = :customer_id AND offer.id = :offer_id
    """
    values = {"customer_id": person["customer_id"], "offer_id": offer["id"], "now": at}
    with world.db.transaction() as session:
        return session.scalar(text(query), values)


def use(
    world: World, person: dict[str, Any], seen: dict[str, Any], *offers: dict[str, Any], **how: Any
) -> set[uuid.UUID]:
    with world.db.transaction() as session:
        return queries.use_referrals(
            session,
            customer_id=uuid.UUID(person["customer_id"]),
            offer_ids=[uuid.UUID(one["id"]) for one in offers],
            check_in_id=uuid.UUID(seen["id"]),
            venue_id=uuid.UUID(seen["venue_id"]),
            **{"counted": True, "now": now(), **how},
        )


def locked_offer(world: World, venue: dict[str, Any]) -> dict[str, Any]:
    """One that a check-in does not open, and so does not credit."""
    return world.offer(venue, rule={"kind": "nth_visit", "n": 1000})


def subject(world: World, person: dict[str, Any]) -> uuid.UUID:
    with world.db.transaction() as session:
        return session.scalar(
            text("SELECT subject_id FROM customer WHERE id = :id"), {"id": person["customer_id"]}
        )


def test_a_share_has_a_token_that_nobody_guesses(world: World):
    offer = world.offer(world.venue())
    made = share(world, world.customer(), offer)
    assert len(base64.urlsafe_b64decode(made["token"] + "==")) * 8 >= 96


def test_a_customer_has_one_share_of_an_offer(world: World, db):
    venue = world.venue()
    offer, other = world.offer(venue), world.offer(venue)
    one, two = world.customer(), world.customer()
    made = share(world, one, offer)
    assert share(world, one, offer) == made
    assert (
        len({made["token"], share(world, one, other)["token"], share(world, two, offer)["token"]})
        == 3
    )
    assert len(events(db, offer, "shared")) == 2


def test_shared_at_once_it_is_one_share(world: World, app, db):
    offer = world.offer(world.venue())
    customer = world.customer()
    path = f"/v1/offers/{offer['id']}/shares"
    answers = post_at_once(app, [(path, customer, {})] * 8)
    assert {status for status, _ in answers} == {201}
    assert len({body["token"] for _, body in answers}) == 1
    assert len(events(db, offer, "shared")) == 1


def test_the_token_is_not_in_the_table(world: World, db):
    offer = world.offer(world.venue())
    token = share(world, world.customer(), offer)["token"]
    with db.transaction() as session:
        rows = session.scalars(text("SELECT share::text FROM share")).all()
    assert not any(token in row for row in rows)


@pytest.mark.parametrize("status", ["draft", "paused", "ended"])
def test_only_an_active_offer_is_shared(world: World, status: str):
    offer = world.offer(world.venue(), status=status)
    refused = world.call("post", f"/v1/offers/{offer['id']}/shares", world.customer())
    assert (refused.status_code, refused.json["code"]) == (404, "offer-not-running")


def test_an_offer_that_is_over_or_unknown_is_not_shared(world: World):
    customer = world.customer()
    over = world.offer(world.venue(), valid_to=(now() + timedelta(seconds=30)).isoformat())
    with time_machine.travel(now() + timedelta(seconds=31), tick=False):
        refused = world.call("post", f"/v1/offers/{over['id']}/shares", customer)
    assert refused.status_code == 404
    unknown = world.call("post", f"/v1/offers/{uuid.uuid4()}/shares", customer)
    assert {**unknown.json, "request_id": ""} == {**refused.json, "request_id": ""}


def test_a_share_outlives_its_offer_and_its_customer(world: World):
    offer = world.offer(world.venue())
    sharer, friend = world.customer(), world.customer()
    token = share(world, sharer, offer)["token"]
    world.ask("delete", "/v1/customers/me", sharer)
    world.ask("post", f"/v1/offers/{offer['id']}/status", json={"status": "ended"})
    assert refer(world, friend, token).status_code == 201


def test_an_erased_customer_shares_and_follows_nothing(world: World):
    offer = world.offer(world.venue())
    gone = world.customer()
    token = share(world, world.customer(), offer)["token"]
    world.ask("delete", "/v1/customers/me", gone)
    answers = [
        world.call("post", f"/v1/offers/{offer['id']}/shares", gone),
        refer(world, gone, token),
    ]
    assert [answer.json["code"] for answer in answers] == ["customer-gone"] * 2


def test_a_referral_is_live_for_seven_days(world: World):
    offer = world.offer(world.venue())
    with time_machine.travel(NOON, tick=False):
        friend = world.register()
        token = share(world, world.customer(), offer)["token"]
        assert not is_referred(world, friend, offer, NOON)
        answer = refer(world, friend["access_token"], token)
        assert answer.json == {"offer_id": offer["id"], "expires_at": "2026-06-08T12:00:00Z"}
    assert is_referred(world, friend, offer, NOON)
    assert is_referred(world, friend, offer, NOON + WEEK)
    assert not is_referred(world, friend, offer, NOON + WEEK + timedelta(microseconds=1))


def test_it_is_of_one_friend_and_one_offer(world: World):
    venue = world.venue()
    offer, other = world.offer(venue), world.offer(venue)
    sharer, friend, stranger = (world.register() for _ in range(3))
    refer(world, friend["access_token"], share(world, sharer["access_token"], offer)["token"])
    assert is_referred(world, friend, offer, now())
    assert not is_referred(world, friend, other, now())
    assert not is_referred(world, sharer, offer, now())
    assert not is_referred(world, stranger, offer, now())


def test_nobody_refers_themselves(world: World):
    offer = world.offer(world.venue())
    customer = world.customer()
    refused = refer(world, customer, share(world, customer, offer)["token"])
    assert (refused.status_code, refused.json["code"]) == (409, "referral-refused")


def test_a_made_up_token_is_no_share(world: World):
    refused = refer(world, world.customer(), "Zk3uV8sQm1pT0aYx5LrWdg")
    assert (refused.status_code, refused.json["code"]) == (404, "share-not-found")


def test_the_last_share_counts(world: World, db):
    venue = world.venue()
    offer = locked_offer(world, venue)
    first, last, friend = (world.register() for _ in range(3))
    for sharer in (first, last):
        refer(world, friend["access_token"], share(world, sharer["access_token"], offer)["token"])
    seen = world.check_in(friend["access_token"], venue)
    assert use(world, friend, seen, offer)
    [visit] = events(db, offer, "friend_visit")
    assert visit.subject_id == subject(world, last)
    assert str(visit.check_in_id) == seen["id"]
    assert str(visit.venue_id) == venue["id"]
    assert visit.merchant_id == world.merchant_id
    assert (visit.offer_version, visit.counted) == (1, True)


def test_a_visit_is_credited_once_a_customer_and_offer(world: World, db):
    venue = world.venue()
    offer = locked_offer(world, venue)
    sharer, other, friend = (world.register() for _ in range(3))
    token = share(world, sharer["access_token"], offer)["token"]
    refer(world, friend["access_token"], token)
    seen = world.check_in(friend["access_token"], venue)
    assert use(world, friend, seen, offer)
    assert not is_referred(world, friend, offer, now())
    assert not use(world, friend, seen, offer)
    for again in (token, share(world, other["access_token"], offer)["token"]):
        refused = refer(world, friend["access_token"], again)
        assert (refused.status_code, refused.json["code"]) == (409, "referral-refused")
    assert len(events(db, offer, "friend_visit")) == 1


def test_credited_at_once_it_is_credited_once(world: World, db):
    venue = world.venue()
    offer = locked_offer(world, venue)
    sharer, friend = world.register(), world.register()
    refer(world, friend["access_token"], share(world, sharer["access_token"], offer)["token"])
    seen = world.check_in(friend["access_token"], venue)
    credited = at_once([lambda: use(world, friend, seen, offer)] * 8)
    assert sorted(map(bool, credited)) == [False] * 7 + [True]
    assert len(events(db, offer, "friend_visit")) == 1


def test_a_referral_that_is_too_old_is_not_credited(world: World, db):
    venue = world.venue()
    offer = locked_offer(world, venue)
    sharer, friend = world.register(), world.register()
    refer(world, friend["access_token"], share(world, sharer["access_token"], offer)["token"])
    seen = world.check_in(friend["access_token"], venue)
    late = now() + WEEK + timedelta(minutes=1)
    assert not use(world, friend, seen, offer, now=late)
    assert events(db, offer, "friend_visit") == []


def test_a_person_who_follows_a_share_is_a_visit_of_it(world: World, db):
    offer = world.offer(world.venue())
    first, last, friend = (world.register() for _ in range(3))
    tokens = [share(world, sharer["access_token"], offer)["token"] for sharer in (first, last)]
    for token in (tokens[0], tokens[0], tokens[1]):
        refer(world, friend["access_token"], token)
    visits = events(db, offer, "share_visited")
    assert [visit.subject_id for visit in visits] == [subject(world, p) for p in (first, last)]


def test_what_staff_and_testers_share_or_visit_is_not_counted(world: World, db):
    venue = world.venue()
    offer = locked_offer(world, venue)
    staff, sharer, friend = (world.register() for _ in range(3))
    with db.transaction() as session:
        session.execute(
            text("""INSERT INTO customer_standing (merchant_id, subject_id, standing, created_at)
                    VALUES (:merchant, :subject, 'staff', now())"""),
            {"merchant": world.merchant_id, "subject": subject(world, staff)},
        )
    refer(world, friend["access_token"], share(world, staff["access_token"], offer)["token"])
    seen = world.check_in(friend["access_token"], venue)
    use(world, friend, seen, offer)
    other = world.register()
    refer(world, other["access_token"], share(world, sharer["access_token"], offer)["token"])
    use(world, other, world.check_in(other["access_token"], venue), offer, counted=False)
    counted = {
        kind: [event.counted for event in events(db, offer, kind)]
        for kind in ("shared", "share_visited", "friend_visit")
    }
    assert counted == {
        "shared": [False, True],
        "share_visited": [False, True],
        "friend_visit": [False, False],
    }


def test_several_offers_are_credited_at_once(world: World, db):
    venue = world.venue()
    offers = [locked_offer(world, venue) for _ in range(3)]
    sharer, friend = world.register(), world.register()
    for offer in offers[:2]:
        refer(world, friend["access_token"], share(world, sharer["access_token"], offer)["token"])
    seen = world.check_in(friend["access_token"], venue)
    assert use(world, friend, seen, *offers[1:]) == {uuid.UUID(offers[1]["id"])}
    assert [len(events(db, offer, "friend_visit")) for offer in offers] == [0, 1, 0]


def test_erasure_of_the_friend_forgets_the_referral(world: World, db):
    offer = world.offer(world.venue())
    friend = world.register()
    refer(world, friend["access_token"], share(world, world.customer(), offer)["token"])
    world.ask("delete", "/v1/customers/me", friend["access_token"])
    with db.transaction() as session:
        found = session.scalar(
            text("SELECT count(*) FROM referral WHERE offer_id = :id"), {"id": offer["id"]}
        )
    assert found == 0
