"""Every fact of the ledger that a merchant wants to hear makes one message, in safe order."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from lbs.accounts.policy import pseudonym
from lbs.db import Session
from lbs.ledger import service as ledger
from lbs.ledger.policy import Kind
from lbs.webhooks import service
from lbs.webhooks.policy import EVENT_TYPES
from tests.racing import at_once
from tests.webhooks.merchant import PATH
from tests.world import World, now


def endpoint(world: World, *types: str) -> dict[str, Any]:
    body = {"url": "https://cafe.example/hooks", "event_types": list(types or EVENT_TYPES)}
    return world.ask("post", PATH, json=body)


def read_on(world: World, *, limit: int = 1000) -> None:
    """As the job does, until there is no more."""
    more = True
    while more:
        with world.db.transaction() as session:
            more = service.publish_facts(session, now(), limit=limit)


def messages(world: World) -> list[dict[str, Any]]:
    """What the merchant's endpoints are to be told, in the order in which it is."""
    query = """
        SELECT message.body FROM webhook_delivery AS delivery
        JOIN webhook_message AS message ON message.id = delivery.message_id
        WHERE message.merchant_id = :id ORDER BY delivery.number
    """
    with world.db.transaction() as session:
        bodies = session.scalars(text(query), {"id": world.merchant_id}).all()
    return [json.loads(body) for body in bodies]


def told(world: World) -> list[dict[str, Any]]:
    read_on(world)
    return messages(world)


def types(world: World) -> list[str]:
    return [message["type"] for message in told(world)]


def own_name(world: World, customer_id: str) -> str:
    query = """
        SELECT customer.subject_id, merchant.pseudonym_key FROM customer, merchant
        WHERE customer.id = :customer AND merchant.id = :merchant
    """
    values = {"customer": customer_id, "merchant": world.merchant_id}
    with world.db.transaction() as session:
        return str(pseudonym(*session.execute(text(query), values).one()))


def record(world: World, kind: str, **facts: Any) -> None:
    with world.db.transaction() as session:
        ledger.record(session, Kind(kind), world.merchant_id, now(), **facts)


def test_a_visit_is_told_from_the_door_to_the_till_and_back(world: World):
    endpoint(world)
    venue = world.venue()
    offer = world.offer(venue)
    person = world.register()
    seen = world.check_in(person["access_token"], venue)
    [unlock] = seen["unlocked"]
    redemption = world.redeem(unlock["code"], venue, amount_minor=12900).json
    path = f"/v1/redemptions/{redemption['id']}/reversal"
    world.ask("post", path, json={"reason": "Spilt by Ida"})
    verified, opened, redeemed, reversed_ = told(world)
    assert [m["type"] for m in (verified, opened, redeemed, reversed_)] == [
        "check_in.verified",
        "offer.unlocked",
        "redemption.made",
        "redemption.reversed",
    ]
    who = {"check_in_id": seen["id"], "venue_id": venue["id"], "counted": True}
    who["customer"] = own_name(world, person["customer_id"])
    what = {**who, "offer_id": offer["id"], "offer_version": 1, "unlock_id": unlock["id"]}
    assert verified["data"].items() >= {**who, "level": 1, "first_visit": True}.items()
    assert opened["data"].items() >= what.items()
    money = {"value_minor": 3500, "cost_minor": 600, "amount_minor": 12900, "currency": "DKK"}
    assert redeemed["data"].items() >= {**what, "redemption_id": redemption["id"], **money}.items()
    assert reversed_["data"].items() >= {**what, "redemption_id": redemption["id"]}.items()


def test_no_message_holds_a_place_a_code_or_another_name_of_the_customer(world: World):
    endpoint(world)
    venue = world.venue()
    world.offer(venue)
    person = world.register()
    seen = world.check_in(person["access_token"], venue)
    [unlock] = seen["unlocked"]
    redemption = world.redeem(unlock["code"], venue, order_reference="order 4711").json
    path = f"/v1/redemptions/{redemption['id']}/reversal"
    world.ask("post", path, json={"reason": "Spilt by Ida"})
    with world.db.transaction() as session:
        subject = session.scalar(
            text("SELECT subject_id FROM customer WHERE id = :id"), {"id": person["customer_id"]}
        )
    said = json.dumps(told(world))
    hidden = (
        *(str(world.lat), str(world.lon), "lat", "lon", person["customer_id"], str(subject)),
        *(unlock["code"], seen["receipt"], person["access_token"], "4711", "Ida"),
    )
    assert [secret for secret in hidden if secret in said] == []


def test_two_merchants_know_one_customer_by_two_names(world: World, other_world: World):
    subject, names = uuid.uuid4(), set()
    for each in (world, other_world):
        endpoint(each)
        record(each, "check_in", verdict="accepted", subject_id=subject)
        names.add(told(each)[0]["data"]["customer"])
    assert len(names) == 2
    assert str(subject) not in names


def test_only_what_is_subscribed_to_is_told_and_to_those_alone(world: World, other_world: World):
    endpoint(world, "offer.unlocked")
    venue = world.venue()
    world.offer(venue)
    world.check_in(world.customer(), venue)
    assert types(world) == ["offer.unlocked"]
    assert types(other_world) == []


def test_what_happened_before_an_endpoint_was_made_is_not_told(world: World):
    venue = world.venue()
    world.check_in(world.customer(), venue)
    read_on(world)
    endpoint(world)
    assert types(world) == []


def test_a_check_in_is_told_when_it_is_accepted_and_not_before_or_again(world: World):
    endpoint(world, "check_in.verified")
    venue = world.venue()
    check_in = {"check_in_id": uuid.uuid4(), "venue_id": UUID(venue["id"])}
    record(world, "check_in", verdict="ambiguous", **check_in)
    record(world, "check_in", verdict="rejected", **check_in)
    assert types(world) == []
    record(world, "check_in", verdict="accepted", verdict_before="ambiguous", level=1, **check_in)
    record(world, "check_in", verdict="accepted", verdict_before="accepted", level=3, **check_in)
    [verified] = told(world)
    assert verified["data"]["level"] == 1


def test_a_voided_check_in_is_told_with_what_it_took_back(world: World):
    endpoint(world, "check_in.voided", "redemption.reversed")
    venue = world.venue()
    world.offer(venue)
    seen = world.check_in(world.customer(), venue)
    world.redeem(seen["unlocked"][0]["code"], venue)
    world.ask("post", f"/v1/check-ins/{seen['id']}/void", json={"reason": "Test"})
    assert sorted(types(world)) == ["check_in.voided", "redemption.reversed"]


def test_a_paused_offer_is_told(world: World):
    endpoint(world, "offer.paused")
    venue = world.venue()
    offer = world.offer(venue)
    world.pause_by_flags(offer, venue)
    [paused] = told(world)
    assert (paused["type"], paused["data"]["offer_id"]) == ("offer.paused", offer["id"])


def test_a_flag_is_told_with_its_problem(world: World):
    endpoint(world, "offer.flagged")
    offer = world.offer(world.venue())
    record(world, "flagged", offer_id=UUID(offer["id"]), reasons=["not_redeemable"])
    flag = told(world)[-1]
    assert flag["data"]["problem"] == "not_redeemable"


def test_a_friends_visit_is_told(world: World):
    endpoint(world, "share.friend_visited")
    venue = world.venue()
    offer = world.offer(venue)
    sharer, friend = world.customer(), world.customer()
    world.check_in(sharer, venue)
    share = world.ask("post", f"/v1/offers/{offer['id']}/shares", sharer)
    world.ask("post", "/v1/referrals", friend, json={"token": share["token"]})
    assert types(world) == []
    world.check_in(friend, venue)
    assert types(world) == ["share.friend_visited"]


def test_an_offer_is_told_to_be_taken_once_and_again_when_it_had_room_between(world: World):
    endpoint(world, "offer.taken")
    venue = world.venue()
    offer = world.offer(venue, limit_total=2)
    unlocks = []
    for _ in range(2):
        assert types(world) == []
        unlocks += world.check_in(world.customer(), venue)["unlocked"]
    world.check_in(world.customer(), venue)
    [taken] = told(world)
    assert taken["data"] == {"offer_id": offer["id"], "offer_version": 1}
    path = f"/v1/check-ins/{unlocks[0]['check_in_id']}/void"
    world.ask("post", path, json={"reason": "Test"})
    assert len(told(world)) == 1
    world.check_in(world.customer(), venue)
    assert types(world) == ["offer.taken"] * 2


def test_what_staff_do_is_told_as_not_counted(world: World):
    endpoint(world, "check_in.verified")
    record(world, "check_in", verdict="accepted", counted=False)
    [verified] = told(world)
    assert verified["data"] == {"counted": False}


# --- the position --------------------------------------------------------------------------------


def test_a_fact_of_a_transaction_that_ends_late_is_not_skipped(world: World):
    """It began first, and is read after those that ended before it."""
    endpoint(world, "check_in.verified")
    early, late = uuid.uuid4(), uuid.uuid4()
    with Session(world.db.engine) as slow:
        ledger.record(
            slow, Kind.CHECK_IN, world.merchant_id, now(), verdict="accepted", check_in_id=late
        )
        slow.flush()
        record(world, "check_in", verdict="accepted", check_in_id=early)
        assert told(world) == []
        slow.commit()
    said = [message["data"]["check_in_id"] for message in told(world)]
    assert said == [str(late), str(early)]


@pytest.mark.parametrize("limit", [1, 3])
def test_read_in_small_parts_every_fact_makes_one_message(world: World, limit: int):
    endpoint(world, "check_in.verified")
    ids = [uuid.uuid4() for _ in range(7)]
    with world.db.transaction() as session:
        for check_in_id in ids:
            ledger.record(
                session,
                Kind.CHECK_IN,
                world.merchant_id,
                now(),
                verdict="accepted",
                check_in_id=check_in_id,
            )
    read_on(world, limit=limit)
    said = Counter(message["data"]["check_in_id"] for message in messages(world))
    assert said == Counter(map(str, ids))


def test_a_worker_that_dies_over_it_leaves_nothing_told_twice_or_not_at_all(world: World):
    endpoint(world, "check_in.verified")
    for _ in range(3):
        record(world, "check_in", verdict="accepted", check_in_id=uuid.uuid4())
    with Session(world.db.engine) as dying:
        service.publish_facts(dying, now())
        dying.rollback()
    assert messages(world) == []
    assert types(world) == ["check_in.verified"] * 3


def test_many_workers_make_one_message_of_each_fact(world: World):
    endpoint(world, "check_in.verified")
    for _ in range(12):
        record(world, "check_in", verdict="accepted", check_in_id=uuid.uuid4())
    at_once([lambda: read_on(world, limit=2) for _ in range(6)])
    assert types(world) == ["check_in.verified"] * 12
