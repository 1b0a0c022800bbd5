"""The main job, played over real HTTP against the sample, a line a step."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from babel.numbers import format_currency, get_currency_precision

from lbs.cli.copenhagen import Sample

TEASER = "Something warm is on us, your first time here"
CAKE = "Something sweet for whoever is really here"
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15"
"""What a friend looks with, so that the look counts as a person's."""
READ_S = 20
"""So long the worker may take to have Facebook read a link."""
PAID = 8900
"""What an order comes to, in minor units."""
FAR_M, NEAR_M, METRES_A_DEGREE = 400, 200, 111_320
VENUE = "Buzz Kaffebar"
"""A café of the sample whose hours are not known, so that the story can be told at any hour."""


class StoryFailed(RuntimeError):
    """A step did not do what it should; says which and what came instead."""


@dataclass
class Player:
    """Speaks HTTP as customer, till, merchant or marketer, and says a line a step."""

    http: httpx.Client
    say: Callable[[str], None]
    steps: Iterator[int] = field(default_factory=lambda: iter(range(1, 100)))

    def ask(
        self, method: str, path: str, token: str, *, status: int = 200, **options: Any
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        answer = self.http.request(method, path, headers=headers, **options)
        if answer.status_code != status:
            raise StoryFailed(f"{method} {path}: {answer.status_code} {answer.text}")
        body: dict[str, Any] = answer.json() if answer.content else {}
        return body

    def step(self, line: str) -> None:
        self.say(f"{next(self.steps):2}. {line}")


@dataclass(frozen=True, slots=True)
class Told:
    """What the story leaves behind to try by hand."""

    customer_token: str
    offer_id: str
    venue_id: str
    lon: float
    lat: float


def play(player: Player, sample: Sample, *, is_read: bool) -> Told:
    """The whole story; raises StoryFailed at the first step that goes wrong.

    `is_read`: there is a Facebook that can read the pages of links.
    """
    venue = _find_venue(player, sample)
    kiosk = _set_up_kiosk(player, sample, venue)
    offer = _publish(player, sample, venue)
    lon, lat = _somewhere_near(venue["location"])
    customer = _new_customer(player, sample)
    till = _set_up_till(player, sample, venue)

    _look_nearby(player, customer, venue, lon=lon, lat=lat)
    far = _check_in(player, customer, venue, lon=lon, lat=lat + FAR_M / METRES_A_DEGREE)
    require(far["verdict"] == "rejected" and not far["unlocked"], far)
    player.step(f"Check-in from {FAR_M} m away: {far['verdict']}. {far['reasons'][0]['text']}")

    near = _check_in(player, customer, venue, lon=lon, lat=lat)
    opened = [unlock for unlock in near["unlocked"] if unlock["offer_id"] == offer["id"]]
    require(near["verdict"] == "accepted" and len(opened) == 1, near)
    code = opened[0]["code"]
    player.step(
        f"Check-in inside: {near['verdict']} at {near['level']}, opens “{opened[0]['terms']}”, "
        f"code {code}"
    )
    _step_up(player, customer, kiosk, near)

    _redeem_twice(player, till, _order(venue, code))
    _count(player, sample, offer)

    link = _share(player, sample, customer, offer, is_read=is_read)
    _bring_friend(player, sample, till, venue, offer, link)
    _count_shares(player, sample, offer, is_read=is_read)
    return Told(customer, offer["id"], venue["id"], lon, lat)


def require(held: bool, found: Any) -> None:  # noqa: FBT001
    if not held:
        raise StoryFailed(f"Something else was expected than {found}")


def _new_customer(player: Player, sample: Sample) -> str:
    """Their access token."""
    body = {"device_id": str(uuid.uuid4())}
    made = player.ask("POST", "/v1/customers", sample.publishable_key, status=201, json=body)
    token: str = made["access_token"]
    return token


def _find_venue(player: Player, sample: Sample) -> dict[str, Any]:
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = player.ask("GET", "/v1/venues", sample.merchant_key, params=query)
        for venue in page["items"]:
            if venue["name"] == VENUE:
                found: dict[str, Any] = venue
                return found
        cursor = page["next_cursor"]
    raise StoryFailed(f"The sample has no venue named {VENUE}")


def _publish(player: Player, sample: Sample, venue: dict[str, Any]) -> dict[str, Any]:
    """Fresh offers; those of an earlier story end."""
    key = sample.merchant_key
    for old in player.ask("GET", "/v1/offers", key, params={"status": "active"})["items"]:
        if old["teaser"] in (TEASER, CAKE):
            player.ask("POST", f"/v1/offers/{old['id']}/status", key, json={"status": "ended"})
    coffee = _open_offer(
        player,
        sample,
        venue,
        teaser=TEASER,
        terms="One filter coffee of any size",
        reward={"kind": "free_item", "item": "A filter coffee"},
        value_minor=3500,
        cost_minor=600,
    )
    player.step(f"The merchant opens an offer at {VENUE}: “{TEASER}”")
    _open_offer(
        player,
        sample,
        venue,
        teaser=CAKE,
        terms="A slice of today's cake",
        reward={"kind": "free_item", "item": "A slice of cake"},
        value_minor=4500,
        cost_minor=1500,
        min_level="L3",
    )
    player.step(f"And one that takes a physical proof of presence (L3): “{CAKE}”")
    return coffee


def _open_offer(
    player: Player, sample: Sample, venue: dict[str, Any], **members: Any
) -> dict[str, Any]:
    now = datetime.now(UTC)
    body = {
        "rule": {"kind": "first_visit"},
        "currency": "DKK",
        "goal": {"kind": "new_customers", "target": 100},
        "valid_from": now.isoformat(),
        "valid_to": (now + timedelta(days=30)).isoformat(),
        "limit_total": 500,
        "limit_per_customer": 1,
        "redeem_within_s": 7200,
        "venue_ids": [venue["id"]],
        **members,
    }
    key = sample.merchant_key
    offer = player.ask("POST", "/v1/offers", key, status=201, json=body)
    return player.ask("POST", f"/v1/offers/{offer['id']}/status", key, json={"status": "active"})


def _set_up_kiosk(player: Player, sample: Sample, venue: dict[str, Any]) -> str:
    """The kiosk's key."""
    path = f"/v1/venues/{venue['id']}/proofs"
    body = {"kind": "venue_code", "name": "The tablet at the counter"}
    made = player.ask("POST", path, sample.merchant_key, status=201, json=body)
    token: str = made["token"]
    address = f"{player.http.base_url}/kiosk/{venue['id']}#key={token}"
    player.step(f"A tablet at the counter shows a code that changes every {made['step_s']} s:")
    player.say(f"      {address}")
    return token


def _step_up(player: Player, customer: str, kiosk: str, seen: dict[str, Any]) -> None:
    [cake] = [offer for offer in seen["locked"] if offer["teaser"] == CAKE]
    require(cake["reason"]["code"] == "level_too_low" and "venue_code" in cake["needs"], seen)
    player.step(
        f"The cake stays locked. {cake['reason']['text']} One of: {', '.join(cake['needs'])}"
    )
    code = player.ask("GET", "/v1/kiosk/codes", kiosk)["codes"][0]["code"]
    body = {"evidence": [{"kind": "venue_code", "code": code}]}
    path = f"/v1/check-ins/{seen['id']}/evidence"
    now = player.ask("POST", path, customer, json=body)
    [unlock] = now["unlocked"]
    require(now["level"] == "L3" and now["visits"] == seen["visits"], now)
    player.step(f"The customer types {code}: now {now['level']}, opens “{unlock['terms']}”")


def _somewhere_near(location: dict[str, float]) -> tuple[float, float]:
    """Some metres from the point that everybody is shown: only liars are right there, and twice
    at the same place to the last digit.
    """
    east_m, north_m = 3 + 2 * random.random(), 3 + 2 * random.random()  # noqa: S311
    return location["lon"] + east_m / METRES_A_DEGREE, location["lat"] + north_m / METRES_A_DEGREE


def _look_nearby(
    player: Player, customer: str, venue: dict[str, Any], *, lon: float, lat: float
) -> None:
    query = {"lon": lon, "lat": lat, "radius_m": NEAR_M, "limit": 100}
    found = player.ask("GET", "/v1/venues/nearby", customer, params=query)["items"]
    here = {item["id"]: item for item in found}.get(venue["id"], {"offers": []})
    states = {offer["teaser"]: offer["state"] for offer in here["offers"]}
    require(states.get(TEASER) == "unlockable_here", found)
    player.step(
        f"Nearby: {len(found)} venues within {NEAR_M} m; {VENUE} is {here['distance_m']} m away "
        f"and its offer is {states[TEASER]}"
    )


def _check_in(
    player: Player, customer: str, venue: dict[str, Any], *, lon: float, lat: float, **members: Any
) -> dict[str, Any]:
    fix = {
        "kind": "location",
        "lon": lon,
        "lat": lat,
        "accuracy_m": 12,
        "captured_at": datetime.now(UTC).isoformat(),
        "provider": "gps",
    }
    body = {"venue_id": venue["id"], "evidence": [fix], **members}
    return player.ask("POST", "/v1/check-ins", customer, status=201, json=body)


def _set_up_till(player: Player, sample: Sample, venue: dict[str, Any]) -> str:
    """The till's key."""
    body = {"name": "Till 1", "scopes": ["redeem"], "venue_ids": [venue["id"]]}
    made = player.ask("POST", "/v1/api-keys", sample.merchant_key, status=201, json=body)
    token: str = made["token"]
    return token


def _order(venue: dict[str, Any], code: str) -> dict[str, Any]:
    return {"code": code, "venue_id": venue["id"], "amount_minor": PAID, "order_reference": "1"}


def _redeem_twice(player: Player, till: str, order: dict[str, Any]) -> None:
    first = player.ask("POST", "/v1/redemptions", till, status=201, json=order)
    worth = _money(first["value_minor"], first["currency"])
    player.step(f"The till redeems the code, worth {worth}")
    refused = player.ask("POST", "/v1/redemptions", till, status=409, json=order)
    player.step(f"A second redemption is refused: {refused['title']}")
    reversal = f"/v1/redemptions/{first['id']}/reversal"
    player.ask("POST", reversal, till, status=201, json={"reason": "Wrong order"})
    again = player.ask("POST", "/v1/redemptions", till, status=201, json=order)
    require(again["id"] != first["id"], again)
    player.step("The redemption is reversed with a reason, and made again")


def _count(player: Player, sample: Sample, offer: dict[str, Any]) -> None:
    path = f"/v1/stats/offers/{offer['id']}"
    funnel = player.ask("GET", f"{path}/funnel", sample.merchant_key)
    [money] = player.ask("GET", f"{path}/money", sample.merchant_key)["items"]
    steps = {step["step"]: (step["count"], step["customers"]) for step in funnel["steps"]}
    require(funnel["check_ins"] == {"accepted": 1, "ambiguous": 0, "rejected": 1}, funnel)
    taken = {"checked_in": (1, 1), "unlocked": (1, 1), "redeemed": (2, 1)}
    require({name: steps[name] for name in taken} == taken, funnel)
    require((funnel["reversed"], funnel["new_customers"]) == (1, 1), funnel)
    sums = {"value_minor": 3500, "cost_minor": 600, "amount_minor": PAID}
    require({name: money[name] for name in sums} == sums, money)
    player.step("The offer's funnel, as a marketer pulls it (how often, how many customers):")
    for name, (count, customers) in steps.items():
        player.say(f"      {name:<24}{count:>7}{customers:>7}")
    for name in ("reversed", "new_customers"):
        player.say(f"      {name:<24}{funnel[name]:>7}")
    for name in sums:
        worth = _money(money[name], money["currency"])
        player.say(f"      {name.removesuffix('_minor'):<24}{worth:>14}")


def _share(
    player: Player, sample: Sample, customer: str, offer: dict[str, Any], *, is_read: bool
) -> dict[str, Any]:
    path = f"/v1/offers/{offer['id']}/shares"
    link = player.ask("POST", path, customer, status=201)
    player.step("The customer passes it on. Sharing earns nothing; the link:")
    player.say(f"      {link['share_url']}")
    if is_read:
        deadline = time.monotonic() + READ_S
        while not (fetched := _shares_of(player, sample, offer)["fetches"]):
            require(time.monotonic() < deadline, "a link that Facebook has not read")
            time.sleep(0.2)
        player.step(f"Facebook reads the link before anybody posts it: {fetched} fetch")
    return link


def _bring_friend(
    player: Player,
    sample: Sample,
    till: str,
    venue: dict[str, Any],
    offer: dict[str, Any],
    link: dict[str, Any],
) -> None:
    page = player.http.get(link["share_url"], headers={"User-Agent": BROWSER})
    require(page.is_success and TEASER in page.text and VENUE in page.text, page.text)
    player.step(f"A friend follows it, and reads “{TEASER}” at {VENUE}")
    lon, lat = _somewhere_near(venue["location"])
    friend = _new_customer(player, sample)
    near = _check_in(player, friend, venue, lon=lon, lat=lat, share_token=link["token"])
    opened = [unlock for unlock in near["unlocked"] if unlock["offer_id"] == offer["id"]]
    require(near["verdict"] == "accepted" and len(opened) == 1, near)
    player.ask("POST", "/v1/redemptions", till, status=201, json=_order(venue, opened[0]["code"]))
    player.step("The friend checks in there, verified, and redeems: the link has the credit")


def _shares_of(player: Player, sample: Sample, offer: dict[str, Any]) -> dict[str, Any]:
    return player.ask("GET", f"/v1/stats/offers/{offer['id']}/shares", sample.merchant_key)


def _count_shares(player: Player, sample: Sample, offer: dict[str, Any], *, is_read: bool) -> None:
    found = _shares_of(player, sample, offer)
    expected = {"shares": 1, "visitors": 1, "friend_visits": 1, "redemptions": 1}
    require({name: found[name] for name in expected} == expected, found)
    require(not is_read or found["fetches"] == 1, found)
    [value] = found["value"]
    require(value["value_of_share_minor"] == PAID, found)
    player.step("What the link has brought:")
    for name in ("shares", "fetches", "visitors", "friend_visits", "redemptions"):
        player.say(f"      {name:<24}{found[name]:>7}")
    worth = _money(value["value_of_share_minor"], value["currency"])
    player.say(f"      {'value_of_share':<24}{worth:>14}")


def _money(minor: int, currency: str) -> str:
    return format_currency(minor / 10 ** get_currency_precision(currency), currency, locale="en")
