"""Nobody reads or changes what is another's: every route is walked by every kind of stranger.

A new route has to be added to ROUTES, or `test_every_route_is_walked` fails.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from lbs.accounts.policy import SCOPES, pseudonym
from lbs.proofs.rules.provisioning import WITH_KEY
from tests.exports.making import made
from tests.world import EXPERIMENT as EXPERIMENT_BODY
from tests.world import OFFER, World, ago, now

PROOFS: dict[str, dict[str, Any]] = {
    "venue_code": {},
    "poster_code": {},
    "nfc_tag": {"uid": "04de5f1eacc040"},
    "beacon": {},
    "reader": {},
    "staff": {"pin": "000000000000"},
}
"""Every kind of proof, with what it needs beside a name; uid and PIN are made anew each time."""
SHOWN_ONCE = (
    *("secret", "otpauth_uri", "token", "kiosk_url", "code", "pin"),
    *("meta_read_key", "file_read_key", "identity_key"),
)


@dataclass
class Victim:
    """World one, with something of everything."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)
    """By the name they have in a path or a body."""
    secrets: dict[str, str] = field(default_factory=dict)
    """What no stranger may read, by what it is."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Its own, by what they are good for."""
    public: frozenset[str] = frozenset()
    """What of it every customer may read."""


@dataclass(frozen=True)
class Route:
    needs: str
    """A scope, `owner`, `app`, `customer`, `refresh`, or a kind of proof that has a key."""
    to_another_merchant: int = 404
    to_another_customer: int = 404
    to_another_venue: int = 404
    body: Callable[[dict[str, str]], Any] = lambda ids: {}
    """JSON; a text is CSV."""
    query: Callable[[dict[str, str]], dict[str, Any]] = lambda ids: {}


MONTH = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
PERIOD = {**MONTH, "time_zone": "UTC"}
WEEKLY = {"every": "week", "hour": 6, "time_zone": "Europe/Copenhagen"}


def fence(ids: dict[str, str]) -> dict[str, Any]:
    return {"type": "Circle", "centre": {"lon": 12.57, "lat": 55.68}, "radius_m": 50}


def far_away(ids: dict[str, str]) -> dict[str, Any]:
    return {"venue_id": ids["venue_id"], "evidence": []}


def nearby(ids: dict[str, str]) -> dict[str, Any]:
    return {"lon": ids["lon"], "lat": ids["lat"]}


def event(ids: dict[str, str]) -> dict[str, Any]:
    times = {"starts_at": PERIOD["from"], "ends_at": "2026-01-02T00:00:00Z"}
    return {"venue_id": ids["venue_id"], "name": "x", **times}


def at_the_venue(ids: dict[str, str]) -> dict[str, Any]:
    return {"venue_id": ids["venue_id"]}


def promotion(ids: dict[str, str]) -> dict[str, Any]:
    return {"text": "x", "channel": "poster"}


def experiment(ids: dict[str, str]) -> dict[str, Any]:
    return EXPERIMENT_BODY


def proof(ids: dict[str, str]) -> dict[str, Any]:
    return {"kind": "venue_code", "name": "x"}


def hook(description: str) -> dict[str, Any]:
    types = ["offer.unlocked"]
    return {"url": "https://a.example/", "event_types": types, "description": description}


def conversions(ids: dict[str, str]) -> dict[str, Any]:
    return {"dataset_id": "1", "access_token": "x", "venue_ids": [ids["venue_id"]]}


def evidence(ids: dict[str, str]) -> dict[str, Any]:
    return {"evidence": [{"kind": "poster_code", "code": ids["poster code"]}]}


def band(ids: dict[str, str]) -> dict[str, Any]:
    return {"tag": "a tag of nobody's", "receipt": ids["receipt"]}


def exported(ids: dict[str, str]) -> dict[str, Any]:
    return {"what": "ledger", "format": "csv", "venue_id": ids["venue_id"]}


def taps(ids: dict[str, str]) -> dict[str, Any]:
    return {"taps": [{"sequence": 1, "tag": ids["tag"], "tapped_at": now().isoformat()}]}


def pass_shown(ids: dict[str, str]) -> dict[str, Any]:
    event = {"kind": "pass_shown", "client_id": str(uuid.uuid4()), "at": now().isoformat()}
    return {"events": [{**event, "unlock_id": ids["unlock_id"]}]}


VENUE, GROUP = "/v1/venues/<uuid:venue_id>", "/v1/venue-groups/<uuid:group_id>"
OFFER_PATH, KEY = "/v1/offers/<uuid:offer_id>", "/v1/api-keys/<uuid:api_key_id>"
REDEMPTION, UNLOCK = "/v1/redemptions/<uuid:redemption_id>", "/v1/unlocks/<uuid:unlock_id>"
STATS = "/v1/stats"
EXPORTS, SCHEDULES = f"{STATS}/exports", f"{STATS}/export-schedules"
EVENT, STANDING = "/v1/events/<uuid:event_id>", "/v1/standings/<uuid:customer>"
VENUE_PROOFS, PROOF = f"{VENUE}/proofs", f"{VENUE}/proofs/<uuid:proof_id>"
BAND, OWN_BANDS = "/v1/wristbands/<uuid:wristband_id>", "/v1/customers/me/wristbands"
CHECK_IN = "/v1/check-ins/<uuid:check_in_id>"
PROMOTION, NOTICE = "/v1/promotions/<uuid:promotion_id>", "/v1/notices/<uuid:notice_id>"
FRIENDS = "/v1/customers/me/friends"
FACEBOOK_LINK, FACEBOOK = "/v1/customers/me/facebook", {"access_token": "of nobody"}
EXPERIMENTS = f"{OFFER_PATH}/experiments"
EXPERIMENT = f"{EXPERIMENTS}/<uuid:experiment_id>"
HOOK = "/v1/webhook-endpoints/<uuid:webhook_endpoint_id>"
PAGES, POSTS = "/v1/facebook/pages", f"{OFFER_PATH}/facebook-posts"
PAGE, POST = f"{PAGES}/<uuid:facebook_page_id>", f"{POSTS}/<uuid:facebook_post_id>"
PERSON = {"person_token": "of nobody"}
CONSENTS, CONVERSIONS = "/v1/customers/me/consents", "/v1/facebook/conversions"

ROUTES: dict[str, Route] = {
    "GET /v1/api-keys": Route("owner", 200),
    "POST /v1/api-keys": Route(
        "owner",
        body=lambda ids: {"name": "x", "scopes": ["redeem"], "venue_ids": [ids["venue_id"]]},
    ),
    f"DELETE {KEY}": Route("owner"),
    f"POST {KEY}/rotation": Route("owner"),
    "POST /v1/customers": Route("app", body=lambda ids: {"device_id": "x"}),
    "GET /v1/customers/me": Route("customer", to_another_customer=200),
    "DELETE /v1/customers/me": Route("customer", to_another_customer=204),
    "POST /v1/tokens": Route("refresh"),
    "POST /v1/auth/facebook": Route("app", body=lambda ids: {"device_id": "x", **FACEBOOK}),
    f"PUT {FACEBOOK_LINK}": Route(
        "customer", 401, to_another_customer=401, body=lambda ids: FACEBOOK
    ),
    f"DELETE {FACEBOOK_LINK}": Route("customer", to_another_customer=204),
    "GET /v1/venues": Route("venues", 200),
    "POST /v1/venues": Route("venues", 201, body=lambda ids: {"name": "x", "fence": fence(ids)}),
    "POST /v1/venues/import": Route(
        "venues",
        201,
        body=lambda ids: {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "id": ids["venue_id"],
                    "geometry": {"type": "Point", "coordinates": [12.57, 55.68]},
                    "properties": {"name": "x", "radius_m": 50, "id": ids["venue_id"]},
                }
            ],
        },
    ),
    f"GET {VENUE}": Route("venues"),
    f"PATCH {VENUE}": Route("venues", body=lambda ids: {"name": "taken"}),
    f"DELETE {VENUE}": Route("venues"),
    "GET /v1/venues/nearby": Route("customer", to_another_customer=200, query=nearby),
    "GET /v1/venues/nearby.geojson": Route("customer", to_another_customer=200, query=nearby),
    "GET /v1/venue-groups": Route("venues", 200),
    "POST /v1/venue-groups": Route(
        "venues", body=lambda ids: {"name": "x", "venue_ids": [ids["venue_id"]]}
    ),
    f"GET {GROUP}": Route("venues"),
    f"PATCH {GROUP}": Route("venues", body=lambda ids: {"name": "taken", "venue_ids": []}),
    f"DELETE {GROUP}": Route("venues"),
    "GET /v1/events": Route("venues", 200),
    "POST /v1/events": Route("venues", body=event),
    f"GET {EVENT}": Route("venues"),
    f"PATCH {EVENT}": Route("venues", body=lambda ids: {"name": "taken"}),
    f"DELETE {EVENT}": Route("venues"),
    f"GET {VENUE_PROOFS}": Route("venues"),
    f"POST {VENUE_PROOFS}": Route("venues", body=proof),
    f"GET {PROOF}": Route("venues"),
    f"DELETE {PROOF}": Route("venues"),
    f"POST {PROOF}/rotation": Route("venues"),
    f"GET {PROOF}/poster": Route("venues"),
    "GET /v1/kiosk/codes": Route("venue_code", to_another_venue=200),
    "GET /v1/wristbands": Route("support", 200),
    "POST /v1/wristbands": Route("support", 409, body=band),
    f"DELETE {BAND}": Route("support"),
    f"POST {BAND}/loss": Route("support"),
    f"GET {OWN_BANDS}": Route("customer", to_another_customer=200),
    f"POST {OWN_BANDS}/<uuid:wristband_id>/loss": Route("customer"),
    "GET /v1/standings": Route("support", 200),
    f"GET {STANDING}": Route("support"),
    f"PUT {STANDING}": Route("support", body=lambda ids: {"standing": "staff"}),
    f"DELETE {STANDING}": Route("support"),
    "GET /v1/offers": Route("offers", 200),
    "POST /v1/offers": Route("offers", body=lambda ids: {**OFFER, "venue_ids": [ids["venue_id"]]}),
    f"GET {OFFER_PATH}": Route("offers"),
    f"PATCH {OFFER_PATH}": Route("offers", body=lambda ids: {"terms": "taken"}),
    f"GET {OFFER_PATH}/schedule": Route("offers"),
    f"POST {OFFER_PATH}/simulations": Route(
        "offers", body=lambda ids: {"kind": "check_in", **at_the_venue(ids)}
    ),
    f"GET {OFFER_PATH}/why": Route(
        "support", query=lambda ids: {**at_the_venue(ids), "customer": ids["customer"]}
    ),
    f"GET {OFFER_PATH}/review": Route("offers"),
    f"POST {OFFER_PATH}/status": Route("offers", body=lambda ids: {"status": "ended"}),
    f"POST {OFFER_PATH}/copies": Route("offers", body=lambda ids: {"venue_ids": [ids["venue_id"]]}),
    f"GET {OFFER_PATH}/comparison": Route(
        "stats", query=lambda ids: {"with": ids["other_offer_id"]}
    ),
    f"GET {EXPERIMENTS}": Route("offers"),
    f"POST {EXPERIMENTS}": Route("offers", body=experiment),
    f"POST {EXPERIMENTS}/plan": Route(
        "offers", body=lambda ids: {"metric": "visits", "min_lift": 0.2}
    ),
    f"GET {EXPERIMENT}": Route("offers"),
    f"POST {EXPERIMENT}/start": Route("offers"),
    f"POST {EXPERIMENT}/stop": Route("offers"),
    f"POST {EXPERIMENT}/promote": Route("offers", body=lambda ids: {"arm": "other"}),
    f"GET {OFFER_PATH}/staff-sheet": Route("offers"),
    f"GET {OFFER_PATH}/codes": Route("offers"),
    f"GET {OFFER_PATH}/codes.csv": Route("offers"),
    f"POST {OFFER_PATH}/codes/import": Route("offers", body=lambda ids: ids["own code"]),
    f"GET {OFFER_PATH}/flags": Route("offers"),
    f"POST {OFFER_PATH}/flags": Route("customer", body=lambda ids: {"problem": "other"}),
    f"POST {OFFER_PATH}/shares": Route("customer", to_another_customer=201),
    "POST /v1/referrals": Route(
        "customer", to_another_customer=201, body=lambda ids: {"token": ids["share"]}
    ),
    "GET /v1/promotions": Route("offers", 200),
    "POST /v1/promotions": Route("offers", 201, body=promotion),
    "POST /v1/promotions/import": Route(
        "offers", 201, body=lambda ids: f"text,channel\n{ids['promotion']},poster\n"
    ),
    f"GET {PROMOTION}": Route("offers"),
    f"PATCH {PROMOTION}": Route("offers", body=lambda ids: {"text": "taken"}),
    f"DELETE {PROMOTION}": Route("offers"),
    "GET /v1/notices": Route("offers", 200),
    f"POST {NOTICE}/read": Route("offers"),
    "GET /v1/audit": Route("support", 200),
    "GET /v1/webhook-endpoints": Route("webhooks", 200),
    "POST /v1/webhook-endpoints": Route("webhooks", 201, body=lambda ids: hook("x")),
    f"GET {HOOK}": Route("webhooks"),
    f"PATCH {HOOK}": Route("webhooks", body=lambda ids: {"description": "taken"}),
    f"DELETE {HOOK}": Route("webhooks"),
    "POST /v1/facebook/page-choices": Route("owner", 409, body=lambda ids: PERSON),
    f"GET {PAGES}": Route("offers", 200),
    f"POST {PAGES}": Route("owner", 409, body=lambda ids: {"page_id": ids["page_id"], **PERSON}),
    f"GET {PAGE}": Route("offers"),
    f"DELETE {PAGE}": Route("owner"),
    f"GET {POSTS}": Route("offers"),
    f"POST {POSTS}": Route(
        "offers", body=lambda ids: {"facebook_page_id": ids["facebook_page_id"]}
    ),
    f"GET {POST}": Route("offers"),
    f"DELETE {POST}": Route("offers"),
    f"POST {HOOK}/rotation": Route("webhooks"),
    f"POST {HOOK}/test": Route("webhooks"),
    f"GET {HOOK}/deliveries": Route("webhooks"),
    f"POST {HOOK}/deliveries/<uuid:webhook_delivery_id>/redelivery": Route("webhooks"),
    f"GET {CONSENTS}": Route("customer", to_another_customer=200),
    f"PUT {CONSENTS}/<purpose>": Route(
        "customer", to_another_customer=200, body=lambda ids: {"text_version": "x"}
    ),
    f"DELETE {CONSENTS}/<purpose>": Route("customer", to_another_customer=204),
    f"GET {CONVERSIONS}": Route("owner"),
    f"PUT {CONVERSIONS}": Route("owner", body=conversions),
    f"DELETE {CONVERSIONS}": Route("owner"),
    f"POST {CONVERSIONS}/test": Route("owner", body=lambda ids: {"test_event_code": "T1"}),
    f"GET {CONVERSIONS}/events": Route("owner"),
    "POST /v1/parties": Route("customer", to_another_customer=201, body=at_the_venue),
    "GET /v1/parties/<party_code>": Route("customer", to_another_customer=200),
    "POST /v1/friend-invitations": Route("customer", to_another_customer=201),
    "POST /v1/friends": Route(
        "customer", to_another_customer=409, body=lambda ids: {"code": ids["used invitation"]}
    ),
    f"GET {FRIENDS}": Route("customer", to_another_customer=200),
    f"DELETE {FRIENDS}/<uuid:friend_id>": Route("customer"),
    "GET /v1/brand": Route("offers", 200),
    "PUT /v1/brand": Route("offers", 200, body=lambda ids: {"color": "#000000"}),
    "GET /v1/stacking": Route("offers", 200),
    "PUT /v1/stacking": Route("offers", 200, body=lambda ids: {"policy": "all"}),
    "GET /v1/check-ins": Route("customer", to_another_customer=200),
    "POST /v1/check-ins": Route("customer", to_another_customer=201, body=far_away),
    f"POST {CHECK_IN}/evidence": Route("customer", body=evidence),
    f"POST {CHECK_IN}/confirmation": Route("staff"),
    f"GET {CHECK_IN}/findings": Route("support"),
    f"POST {CHECK_IN}/void": Route("support", body=lambda ids: {"reason": "taken"}),
    "POST /v1/receipts/verify": Route(
        "redeem", 200, body=lambda ids: {"receipt": ids["receipt"], "use": True}
    ),
    "POST /v1/challenges": Route("customer", to_another_customer=201, body=at_the_venue),
    "POST /v1/taps": Route("reader", to_another_venue=200, body=taps),
    "POST /v1/app-events": Route("customer", to_another_customer=200, body=pass_shown),
    "GET /v1/unlocks": Route("customer", to_another_customer=200),
    f"GET {UNLOCK}": Route("customer"),
    f"GET {UNLOCK}/qr.png": Route("customer"),
    f"POST {UNLOCK}/reservation": Route("customer"),
    f"DELETE {UNLOCK}/reservation": Route("customer"),
    "GET /v1/redemptions": Route("redeem", 200, query=at_the_venue),
    "POST /v1/redemptions": Route(
        "redeem", body=lambda ids: {"code": ids["code"], "venue_id": ids["venue_id"]}
    ),
    f"GET {REDEMPTION}": Route("redeem"),
    f"POST {REDEMPTION}/reversal": Route("redeem", body=lambda ids: {"reason": "taken"}),
    f"GET {STATS}/live": Route("stats", 200),
    f"GET {EXPORTS}": Route("stats", 200),
    f"POST {EXPORTS}": Route("stats", body=lambda ids: {**exported(ids), **MONTH}),
    f"GET {EXPORTS}/<uuid:export_id>": Route("stats"),
    f"GET {EXPORTS}/<uuid:export_id>/file": Route("stats"),
    f"POST {EXPORTS}/<uuid:export_id>/link": Route("stats"),
    f"GET {SCHEDULES}": Route("stats", 200),
    f"POST {SCHEDULES}": Route("stats", body=lambda ids: {**exported(ids), **WEEKLY}),
    f"GET {SCHEDULES}/<uuid:schedule_id>": Route("stats"),
    f"DELETE {SCHEDULES}/<uuid:schedule_id>": Route("stats"),
    f"GET {STATS}/offers/<uuid:offer_id>/pledges": Route("stats", query=at_the_venue),
    f"GET {STATS}/offers/<uuid:offer_id>/shares": Route("stats"),
    f"GET {STATS}/offers/<uuid:offer_id>/report": Route("stats", query=at_the_venue),
    f"GET {STATS}/offers/<uuid:offer_id>/switchback": Route("stats"),
    f"GET {STATS}/offers/<uuid:offer_id>/venue-effect": Route("stats", query=lambda ids: MONTH),
    f"GET {STATS}/experiments/<uuid:experiment_id>": Route("stats"),
}

ANSWERS = ("funnel", "series", "money", "retention", "hours", "customers")
PERIODIC = ("series", "retention", "hours")
"""Of these it has to be said from when to when."""
ROUTES |= {
    f"GET {STATS}{subject}/{answer}": Route(
        "stats",
        *(() if subject else (200,)),
        query=lambda ids, answer=answer: PERIOD if answer in PERIODIC else {},
    )
    for subject in (
        "/offers/<uuid:offer_id>",
        "/venues/<uuid:venue_id>",
        "/groups/<uuid:group_id>",
        "",
    )
    for answer in ANSWERS
}

OWN_EFFECT = {
    "GET /v1/venues/nearby",
    "GET /v1/venues/nearby.geojson",
    "POST /v1/check-ins",
    "POST /v1/parties",
    "POST /v1/referrals",
    f"POST {OFFER_PATH}/shares",
}
"""What any customer may do at another's venue, with an offer that runs, by a link passed on.

What a search has shown is counted.
"""


@pytest.fixture
def victim(world: World) -> Victim:
    mark = uuid.uuid4().hex
    said = ("venue", "group", "teaser", "terms", "key", "event", "note", *AROUND, *PROOFS)
    texts = {name: f"{name} {uuid.uuid4().hex}" for name in said}
    venue = world.venue(name=texts["venue"])
    group = world.ask(
        "post", "/v1/venue-groups", json={"name": texts["group"], "venue_ids": [venue["id"]]}
    )
    offer = world.offer(
        venue,
        group_ids=[group["id"]],
        teaser=texts["teaser"],
        terms=texts["terms"],
        schedule={"turns": {"from_date": "2099-01-01"}},
    )
    other = world.offer(venue, teaser=texts["teaser"], terms=texts["terms"])
    key = world.ask("post", "/v1/api-keys", json={"name": texts["key"], "scopes": ["redeem"]})
    proofs = {kind: provision(world, venue, kind, name=texts[kind]) for kind in PROOFS}
    person = world.register()
    seen = world.check_in(person["access_token"], venue)
    used, held = seen["unlocked"]
    tag = uuid.uuid4().hex[:14]
    worn = world.ask("post", "/v1/wristbands", json={"tag": tag, "receipt": seen["receipt"]})
    happening = world.ask(
        "post", "/v1/events", json={**event({"venue_id": venue["id"]}), "name": texts["event"]}
    )
    customer = pseudonym_of(world, person["customer_id"])
    note = {"standing": "tester", "note": texts["note"]}
    world.ask("put", f"/v1/standings/{customer}", json=note)
    redemption = world.redeem(used["code"], venue, order_reference=f"order {mark}").json
    own_ids, passed_on = around(world, person["access_token"], offer, texts)
    whole = {"what": "ledger", "format": "csv", "from": ago(days=1), "to": ago(days=-1)}
    export = world.ask("post", EXPORTS, json=whole)
    made(world, export)
    regular = {"what": "ledger", "format": "csv", **WEEKLY}
    ids = {
        **own_ids,
        "export_id": export["id"],
        "schedule_id": world.ask("post", SCHEDULES, json=regular)["id"],
        "venue_id": venue["id"],
        "group_id": group["id"],
        "offer_id": offer["id"],
        "api_key_id": key["id"],
        "proof_id": proofs["poster_code"]["id"],
        "wristband_id": worn["id"],
        "unlock_id": held["id"],
        "redemption_id": redemption["id"],
        "event_id": happening["id"],
        "customer": customer,
        "check_in_id": seen["id"],
        "customer_id": person["customer_id"],
        "merchant_id": str(world.merchant_id),
        "other_offer_id": other["id"],
        "experiment_id": world.experiment(offer, start=False)["id"],
        "used_unlock_id": used["id"],
        **{f"{kind}_proof_id": made["id"] for kind, made in proofs.items()},
    }
    shown_once = {
        f"{kind} {name}": made[name]
        for kind, made in proofs.items()
        for name in SHOWN_ONCE
        if name in made
    }
    secrets = {
        **ids,
        **texts,
        **passed_on,
        **shown_once,
        "code": held["code"],
        "used code": used["code"],
        "receipt": seen["receipt"],
        "order": f"order {mark}",
        "tag": tag,
        "uid": proofs["nfc_tag"]["uid"],
    }
    sent = {
        **passed_on,
        **{name: texts[name] for name in AROUND},
        "purpose": "conversions",
        "lon": str(world.lon),
        "lat": str(world.lat),
        "code": held["code"],
        "receipt": seen["receipt"],
        "tag": tag,
        "poster code": proofs["poster_code"]["code"],
    }
    tokens = {
        **dict.fromkeys((*SCOPES, "owner"), world.key),
        **{kind: proofs[kind]["token"] for kind in WITH_KEY},
        "customer": person["access_token"],
    }
    public = {"venue_id", "venue", "offer_id", "other_offer_id", "teaser", "party_code"}
    return Victim(world, {**ids, **sent}, secrets, tokens, frozenset(public))


AROUND = ("promotion", "flag", "own code", "hook", "consent", "post")
"""What is said of an offer, beside its terms, of a system that is told of it, and to it."""


def around(
    world: World, person: str, offer: dict[str, Any], texts: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The ids of what lies around an offer, and what people pass on to each other."""
    at_offer, spot = f"/v1/offers/{offer['id']}", world.venue()
    advert = {"text": texts["promotion"], "channel": "poster"}
    flag = {"problem": "other", "text": texts["flag"]}
    sheet = {"data": texts["own code"], "content_type": "text/csv"}
    world.ask("post", f"{at_offer}/codes/import", **sheet)
    world.ask("post", f"{at_offer}/flags", person, json=flag)
    invitations = [world.ask("post", "/v1/friend-invitations", person)["code"] for _ in range(2)]
    friend = world.ask("post", "/v1/friends", world.customer(), json={"code": invitations[0]})
    made = world.ask("post", "/v1/webhook-endpoints", json=hook(texts["hook"]))
    sent = world.ask("post", f"/v1/webhook-endpoints/{made['id']}/test")
    agreed = {"text_version": texts["consent"]}
    world.ask("put", f"{CONSENTS}/conversions", person, json=agreed)
    world.ask("put", CONVERSIONS, json=conversions({"venue_id": offer["venue_ids"][0]}))
    told = world.ask("post", f"{CONVERSIONS}/test", json={"test_event_code": "T1"})
    post = world.post_to_facebook(offer, message=texts["post"])
    page = world.ask("get", f"{PAGES}/{post['facebook_page_id']}")
    ids = {
        "facebook_page_id": page["id"],
        "page_id": page["page_id"],
        "facebook_post_id": post["id"],
        "conversion_id": told["id"],
        "webhook_endpoint_id": made["id"],
        "webhook_delivery_id": sent["id"],
        "promotion_id": world.ask("post", "/v1/promotions", json=advert)["id"],
        "notice_id": world.pause_by_flags(world.offer(spot), spot)["id"],
        "friend_id": friend["id"],
    }
    return ids, {
        "webhook secret": made["secret"],
        "party_code": world.ask("post", "/v1/parties", person, json={})["code"],
        "used invitation": invitations[0],
        "invitation": invitations[1],
        "share": world.ask("post", f"{at_offer}/shares", person)["token"],
    }


def provision(world: World, venue: dict[str, Any], kind: str, **members: Any) -> dict[str, Any]:
    """A proof; UIDs and PINs are long and random, so that nothing else looks like one of them."""
    drawn = uuid.uuid4()
    own = {"uid": drawn.hex[:14], "pin": f"{drawn.int % 10**12:012}"}
    needed = {name: own[name] for name in PROOFS[kind]}
    body = {"kind": kind, "name": "x", **needed, **members}
    made: dict[str, Any] = world.ask("post", f"/v1/venues/{venue['id']}/proofs", json=body)
    return made


def pseudonym_of(world: World, customer_id: str) -> str:
    query = """
        SELECT customer.subject_id, merchant.pseudonym_key FROM customer, merchant
        WHERE customer.id = :customer_id AND merchant.id = :merchant_id
    """
    values = {"customer_id": customer_id, "merchant_id": world.merchant_id}
    with world.db.transaction() as session:
        return str(pseudonym(*session.execute(text(query), values).one()))


def ask(victim: Victim, route: str, token: str | None) -> Any:
    method, rule = route.split(" ")
    path = rule
    for name, value in victim.ids.items():
        path = path.replace(f"<uuid:{name}>", value).replace(f"<{name}>", value)
    declared = ROUTES[route]
    body = declared.body(victim.ids)
    sent = {"data": body, "content_type": "text/csv"} if isinstance(body, str) else {"json": body}
    return victim.world.call(
        method,
        path,
        token,
        headers={} if method == "GET" else {"If-Match": '"1"'},
        query_string=declared.query(victim.ids),
        **(sent if method in ("POST", "PATCH", "PUT") else {}),
    )


def leaks(victim: Victim, route: str, response: Any, public: frozenset[str]) -> list[str]:
    """What the answer tells of world one; its own problem may echo nothing either."""
    return [
        f"{route}: {what}"
        for what, value in victim.secrets.items()
        if what not in public and value in response.text
    ]


def rows(victim: Victim) -> dict[str, list[str]]:
    """Every row that mentions anything of world one, by table."""
    tables = """
        SELECT c.oid::regclass::text FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname NOT LIKE 'procrastinate%'
    """
    pattern = "|".join(value for name, value in victim.ids.items() if name.endswith("_id"))
    with victim.world.db.transaction() as session:
        return {
            name: list(
                session.scalars(
                    text(f"SELECT t::text FROM {name} AS t WHERE t::text ~ :pattern ORDER BY 1"),
                    {"pattern": pattern},
                )
            )
            for name in session.scalars(text(tables)).all()
        }


def expected(route: str, role: str) -> int:
    needs = ROUTES[route].needs
    if role == "merchant":
        return ROUTES[route].to_another_merchant if needs in (*SCOPES, "owner") else 401
    if role == "customer":
        return ROUTES[route].to_another_customer if needs == "customer" else 401
    return ROUTES[route].to_another_venue if needs == role else 401


def walk(victim: Victim, role: str, token: Callable[[], str | None]) -> None:
    """Every route as this stranger: the answer it has to get, nothing told, nothing changed."""
    public = victim.public if role == "customer" else frozenset()
    told, answered = [], {}
    before = rows(victim)
    own_effect = OWN_EFFECT if role == "customer" else set()
    for route in sorted(ROUTES.keys() - own_effect):
        response = ask(victim, route, token())
        answered[route] = response.status_code
        told += leaks(victim, route, response, public)
    assert rows(victim) == before
    for route in own_effect:
        response = ask(victim, route, token())
        answered[route] = response.status_code
        told += leaks(victim, route, response, public)
    assert told == []
    assert answered == {route: expected(route, role) for route in answered}


def test_every_route_is_walked(app: Flask):
    found = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert found == set(ROUTES)


def test_the_victim_itself_reads_what_strangers_may_not(victim: Victim):
    """The walk would find a leak: to its owner, every route tells something."""
    for route, declared in ROUTES.items():
        if route.startswith("GET"):
            response = ask(victim, route, victim.tokens[declared.needs])
            assert response.status_code == 200, route
            silent = any(
                word in route
                for word in ("stats/offers", "stats/venues", "stats/groups", "stacking", "brand")
            ) or route.endswith(("qr.png", "/codes", "/live", *ANSWERS))
            assert silent or leaks(victim, route, response, frozenset()), route


def test_another_merchants_owner_finds_and_changes_nothing(victim: Victim, other_world: World):
    other_world.venue()
    walk(victim, "merchant", lambda: other_world.key)


def test_another_customer_finds_and_changes_nothing(victim: Victim):
    walk(victim, "customer", victim.world.customer)


def test_a_customer_of_another_app_finds_and_changes_nothing(victim: Victim, other_world: World):
    walk(victim, "customer", other_world.customer)


@pytest.mark.parametrize("kind", sorted(WITH_KEY))
def test_a_kiosk_reader_or_staff_member_of_another_merchant_finds_and_changes_nothing(
    victim: Victim, other_world: World, kind: str
):
    """Beside its own kind of routes, where it sees its own, every route is closed to it."""
    key = provision(other_world, other_world.venue(), kind)["token"]
    walk(victim, kind, lambda: key)


def test_staff_and_kiosks_of_another_venue_of_the_merchant_find_and_change_nothing(victim: Victim):
    """Its readers do: a wristband is good at all of a merchant's venues."""
    world = victim.world
    elsewhere = world.venue(east_m=1000)
    keys = {kind: provision(world, elsewhere, kind)["token"] for kind in ("venue_code", "staff")}
    before = rows(victim)
    for route, declared in ROUTES.items():
        if declared.needs in keys:
            response = ask(victim, route, keys[declared.needs])
            assert response.status_code == declared.to_another_venue, route
            assert leaks(victim, route, response, frozenset()) == []
    assert rows(victim) == before


@pytest.mark.parametrize(
    "token",
    [None, "garbage", "lbs_" + "0" * 32 + "_x", "lbp_" + "0" * 32 + "_x"],
    ids=["no token", "garbage", "a key that is none", "a venue's key that is none"],
)
def test_nobody_finds_or_changes_anything(victim: Victim, token: str | None):
    walk(victim, "nobody", lambda: token)


def test_a_key_or_token_of_the_wrong_kind_or_scope_finds_and_changes_nothing(victim: Victim):
    world = victim.world
    tokens = {
        "app": [world.publishable_key, world.backend_key],
        "customer": [world.customer()],
        **{scope: [world.key_with(scope)] for scope in SCOPES},
        **{kind: [victim.tokens[kind]] for kind in WITH_KEY},
    }
    merchants = {*SCOPES, "owner"}
    before = rows(victim)
    for kind, held in tokens.items():
        for route, declared in ROUTES.items():
            if declared.needs == kind:
                continue
            wanted = 403 if {kind, declared.needs} <= merchants else 401
            for token in held:
                response = ask(victim, route, token)
                assert response.status_code == wanted, (route, kind)
                assert leaks(victim, route, response, frozenset()) == []
    assert rows(victim) == before


def test_what_a_stranger_may_read_nearby_is_not_the_terms(victim: Victim):
    response = ask(victim, "GET /v1/venues/nearby", victim.world.customer())
    assert victim.secrets["teaser"] in response.text
    assert victim.secrets["terms"] not in response.text


def test_a_stranger_learns_no_more_of_a_real_id_than_of_a_made_up_one(
    victim: Victim, other_world: World
):
    made_up = Victim(
        victim.world,
        {
            name: str(uuid.uuid4()) if name.endswith("_id") else value
            for name, value in victim.ids.items()
        },
    )
    tokens = {
        **dict.fromkeys((*SCOPES, "owner"), other_world.key),
        "customer": other_world.customer(),
        "staff": provision(other_world, other_world.venue(), "staff")["token"],
    }

    def said(target: Victim, route: str) -> tuple[int, Any]:
        response = ask(target, route, tokens[ROUTES[route].needs])
        return response.status_code, {**(response.json or {}), "request_id": ""}

    roles = {"customer": "customer", "staff": "staff"}
    for route, declared in ROUTES.items():
        role = roles.get(declared.needs, "merchant")
        if declared.needs in tokens and expected(route, role) == 404:
            assert said(victim, route) == said(made_up, route)


def test_another_merchants_receipt_tells_nothing_but_that_it_is_another_merchants(
    victim: Victim, other_world: World
):
    seen = ask(victim, "POST /v1/receipts/verify", other_world.key).json
    assert (seen.pop("valid"), seen.pop("flaw"), seen.pop("proofs")) == (
        False,
        "other_merchant",
        [],
    )
    assert set(seen.values()) == {None}
    own = ask(victim, "POST /v1/receipts/verify", victim.world.key).json
    assert (own["valid"], own["check_in_id"]) == (True, victim.ids["check_in_id"])


def test_another_merchants_reader_does_not_know_the_victims_wristband(
    victim: Victim, other_world: World
):
    reader = provision(other_world, other_world.venue(), "reader")["token"]
    [item] = ask(victim, "POST /v1/taps", reader).json["items"]
    assert (item["outcome"], item["check_in_id"]) == ("unknown_tag", None)
