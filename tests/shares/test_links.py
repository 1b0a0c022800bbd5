"""What a customer gets who shares: links, and no reward, now or ever."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lbs.offers.rules import FORBIDDEN, RULES
from lbs.shares.schemas.shares import Facebook, ShareSchema, present_share
from lbs.shares.service import link_of
from tests.world import World

PUBLIC, WWW = "https://lbs.example", "https://www.facebook.com"
REWARDING = ("reward", "bonus", "points", "earn", "gift", "unlock", "prize", "credit", "value")
TEXTS = {
    "quote",
    "hashtag",
    "title",
    "summary",
    "description",
    "message",
    "picture",
    "redirect_uri",
}


def test_the_dialog_has_the_app_the_display_and_the_link_and_no_text():
    given = present_share("abc-_1", PUBLIC, Facebook(WWW, "1234567890"))
    dialog, sharer = urlsplit(given["dialog_url"]), urlsplit(given["sharer_url"])
    assert (dialog.scheme, dialog.netloc, dialog.path) == (
        "https", "www.facebook.com", "/dialog/share",
    )  # fmt: skip
    assert parse_qs(dialog.query) == {
        "app_id": ["1234567890"],
        "display": ["popup"],
        "href": ["https://lbs.example/s/abc-_1"],
    }
    assert sharer.path == "/sharer/sharer.php"
    assert parse_qs(sharer.query) == {"u": ["https://lbs.example/s/abc-_1"]}
    for query in (dialog.query, sharer.query):
        assert not TEXTS & parse_qs(query).keys()


def test_without_a_facebook_app_there_is_no_dialog_and_all_else():
    given = present_share("abc", PUBLIC, Facebook(WWW, ""))
    assert given["dialog_url"] is None
    assert given["share_url"] == "https://lbs.example/s/abc"
    assert given["qr_url"] == "https://lbs.example/s/abc/qr.svg"
    assert given["sharer_url"].startswith("https://www.facebook.com/sharer/sharer.php?u=https%3A")


def test_the_links_lead_to_the_page(world: World):
    offer = world.offer(world.venue())
    made = world.ask("post", f"/v1/offers/{offer['id']}/shares", world.customer())
    assert made["share_url"] == link_of(made["token"], "http://127.0.0.1:8080")
    for address in (made["share_url"], made["qr_url"]):
        assert world.client.get(urlsplit(address).path).status_code == 200


def test_the_answer_has_no_field_for_a_reward(world: World):
    offer = world.offer(world.venue())
    made = world.ask("post", f"/v1/offers/{offer['id']}/shares", world.customer())
    assert made.keys() == ShareSchema().fields.keys()
    assert not [name for name in made if any(word in name for word in REWARDING)]


def test_sharing_and_being_visited_opens_nothing(world: World):
    venue = world.venue()
    offer, sharer = world.offer(venue), world.customer()
    token = world.ask("post", f"/v1/offers/{offer['id']}/shares", sharer)["token"]
    for agent in ("Mozilla/5.0 (iPhone)", "facebookexternalhit/1.1"):
        world.call("get", f"/s/{token}", headers={"User-Agent": agent})
    world.ask("post", "/v1/referrals", world.customer(), json={"token": token})
    assert world.ask("get", "/v1/unlocks", sharer)["items"] == []


@pytest.mark.parametrize("kind", ["share", "shared", "like", "liked", "follow", "post"])
def test_there_is_no_rule_for_sharing(world: World, kind: str):
    assert not {"share", "like", "post", "follow"} - FORBIDDEN
    assert kind not in RULES
    body: dict[str, Any] = {"rule": {"kind": kind}}
    refused = world.call(
        "patch",
        f"/v1/offers/{world.offer(world.venue(), status='draft')['id']}",
        world.key,
        json=body,
        headers={"If-Match": '"1"'},
    )
    assert refused.status_code == 422
