"""Of the ledger, what may be told is taken up once, and nothing else is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from tests.conversions.advertiser import Advertiser
from tests.racing import at_once
from tests.world import World


@pytest.fixture
def advertiser(world: World) -> Advertiser:
    return Advertiser(world)


def names(advertiser: Advertiser) -> list[str]:
    advertiser.publish()
    return [row.name for row in advertiser.rows()]


def test_a_visit_and_what_it_leads_to(advertiser: Advertiser):
    customer = advertiser.customer()
    visit = advertiser.visit(customer)
    redeemed = advertiser.redeem(visit, amount_minor=12_900)
    assert names(advertiser) == ["VenueCheckIn", "Purchase"]
    came, bought = advertiser.rows()
    offer, venue = advertiser.offer["id"], advertiser.venue["id"]
    for row in (came, bought):
        assert ([str(one) for one in row.offer_ids], str(row.venue_id)) == ([offer], venue)
        assert (row.state, row.failed, row.consent_text_version) == ("pending", 0, "2026-11")
        assert row.consent_given_at < row.created_at
    assert (str(came.order_id), came.amount_minor, came.currency) == (visit["id"], None, None)
    assert (str(bought.order_id), bought.amount_minor) == (redeemed["id"], 12_900)
    assert bought.currency == "DKK"
    at = datetime.fromisoformat(redeemed["redeemed_at"])
    assert bought.time == int(at.timestamp())


def test_without_a_sum_from_the_till_nothing_is_said_to_be_bought(advertiser: Advertiser):
    advertiser.redeem(advertiser.visit())
    assert names(advertiser) == ["VenueCheckIn", "OfferRedeemed"]
    assert {(row.amount_minor, row.currency) for row in advertiser.rows()} == {(None, None)}


def test_no_hash_and_no_customer_is_in_what_waits(advertiser: Advertiser):
    person = advertiser.world.register()
    advertiser.consent(person["access_token"], email="a@b.dk", phone="+45 32 12 34 56")
    advertiser.visit(person["access_token"])
    advertiser.publish()
    said = str(advertiser.rows())
    with advertiser.world.db.transaction() as session:
        query = """
            SELECT subject_id, email_hash, phone_hash FROM customer
            JOIN consent ON customer_id = customer.id WHERE customer.id = :id
        """
        [known] = session.execute(text(query), {"id": person["customer_id"]}).all()
    assert [word for word in (*known, person["customer_id"]) if str(word) in said] == []


def test_of_customers_who_did_not_consent_there_is_nothing(advertiser: Advertiser):
    customer = advertiser.world.customer()
    advertiser.redeem(advertiser.visit(customer))
    advertiser.consent(customer)
    assert names(advertiser) == [], "a consent is for what happens from then on"
    withdrawn = advertiser.customer()
    advertiser.visit(withdrawn)
    advertiser.withdraw(withdrawn)
    assert names(advertiser) == []


def test_a_venue_that_was_not_chosen_is_not_told_of(advertiser: Advertiser):
    other = advertiser.world.venue()
    advertiser.world.check_in(advertiser.customer(), other)
    assert names(advertiser) == []


def test_merchants_without_a_setting_and_others_tell_nothing(
    advertiser: Advertiser, other_world: World
):
    venue = other_world.venue()
    other_world.offer(venue)
    customer = other_world.customer()
    advertiser.consent(customer)
    other_world.check_in(customer, venue)
    assert names(advertiser) == []
    query = text("SELECT count(*) FROM conversion WHERE merchant_id = :id")
    with other_world.db.transaction() as session:
        assert session.scalar(query, {"id": other_world.merchant_id}) == 0


def test_what_was_before_the_setting_is_not_told(world: World):
    venue, customer = world.venue(), world.customer()
    body = {"text_version": "2026-11"}
    world.ask("put", "/v1/customers/me/consents/conversions", customer, json=body)
    world.check_in(customer, venue)
    advertiser = Advertiser(world)
    advertiser.set(venue_ids=[venue["id"]])
    assert names(advertiser) == []


@pytest.mark.parametrize("standing", ["staff", "tester"])
def test_staff_and_testers_are_not_told_of(advertiser: Advertiser, standing: str):
    world, customer = advertiser.world, advertiser.customer()
    seen, second = advertiser.visit(customer), world.venue()
    advertiser.set(venue_ids=[advertiser.venue["id"], second["id"]])
    who = world.ask("get", f"/v1/check-ins/{seen['id']}/findings")["customer"]
    world.ask("put", f"/v1/standings/{who}", json={"standing": standing})
    world.check_in(customer, second)
    assert names(advertiser) == ["VenueCheckIn"]
    assert str(advertiser.rows()[0].order_id) == seen["id"]
    query = "SELECT count(*) FROM ledger_event WHERE merchant_id = :id AND NOT counted"
    with world.db.transaction() as session:
        assert session.scalar(text(query), {"id": world.merchant_id}) > 0


def test_a_visit_that_was_not_verified_is_not_told_of_until_it_is(advertiser: Advertiser):
    world, customer = advertiser.world, advertiser.customer()
    far = world.check_in(customer, advertiser.venue, north_m=400)
    assert far["verdict"] == "rejected"
    near = world.check_in(customer, advertiser.venue, north_m=85)
    assert near["verdict"] == "ambiguous"
    assert names(advertiser) == []
    body = {"evidence": [world.location()]}
    world.ask("post", f"/v1/check-ins/{near['id']}/evidence", customer, json=body)
    assert names(advertiser) == ["VenueCheckIn"]
    assert str(advertiser.rows()[0].order_id) == near["id"]


def test_each_fact_is_taken_up_once_by_whoever_reads(advertiser: Advertiser):
    for _ in range(5):
        advertiser.redeem(advertiser.visit())
    at_once([lambda: advertiser.publish(limit=3)] * 4)
    advertiser.publish()
    assert sorted(names(advertiser)) == ["OfferRedeemed"] * 5 + ["VenueCheckIn"] * 5


def test_a_fact_whose_transaction_ends_late_is_not_passed_over(advertiser: Advertiser):
    customer = advertiser.customer()
    with advertiser.world.db.transaction() as session:
        session.execute(text("SELECT pg_current_xact_id()"))
        advertiser.visit(customer)
        assert names(advertiser) == []
    assert names(advertiser) == ["VenueCheckIn"]


def test_a_consent_taken_back_takes_what_waits_with_it_and_no_more(advertiser: Advertiser):
    one, other = advertiser.customer(), advertiser.customer()
    for customer in (one, other):
        advertiser.redeem(advertiser.visit(customer))
    advertiser.publish()
    advertiser.withdraw(one)
    assert len(advertiser.rows()) == 2
    advertiser.world.ask("delete", "/v1/customers/me", other)
    assert advertiser.rows() == []


def test_consents_taken_back_while_the_ledger_is_read_leave_nothing(advertiser: Advertiser):
    customers = [advertiser.customer() for _ in range(8)]
    for customer in customers:
        advertiser.visit(customer)

    def withdraw(customer: str) -> Any:
        return lambda: advertiser.withdraw(customer)

    at_once([advertiser.publish, *(withdraw(customer) for customer in customers)])
    advertiser.publish()
    assert advertiser.rows() == []
