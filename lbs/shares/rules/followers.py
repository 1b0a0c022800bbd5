"""Who follows a link: a person, Facebook's crawler, or another machine. Pure.

A machine is known by the name that it gives itself. Anybody may give that name, so it decides what
is counted and never what is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum


class Follower(StrEnum):
    PERSON = "person"
    META_CRAWLER = "meta_crawler"
    OTHER_BOT = "other_bot"


META = re.compile(
    r"facebookexternalhit|facebookcatalog|facebot|"
    r"meta-external(?:agent|fetcher|ads)|meta-webindexer",
    re.IGNORECASE,
)
"""In any version: https://developers.facebook.com/docs/sharing/webmasters/web-crawlers."""

BOT = re.compile(
    r"(?<!cu)bot\b|bot/|crawl|spider|slurp|archiver|preview|whatsapp|telegram|discord|slack|skype|"
    r"headless|lighthouse|phantom|curl|wget|python|httpx|aiohttp|okhttp|go-http|java/|libwww|"
    r"axios|node-fetch|postman|monitor|uptime|scan",
    re.IGNORECASE,
)
"""Cubot is a maker of phones."""

AHEAD = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
AHEAD_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""In which a browser says that nobody has asked for the page yet."""


def tell(agent: str) -> Follower:
    """By the User-Agent; who gives none is a machine."""
    if META.search(agent):
        return Follower.META_CRAWLER
    if not agent.strip() or BOT.search(agent):
        return Follower.OTHER_BOT
    return Follower.PERSON


def is_ahead(header: Callable[[str, str], str]) -> bool:
    """Whether the page is fetched in case somebody follows the link.

    `header(name, otherwise)` gives what the request says.
    """
    return any(AHEAD.search(header(name, "")) for name in AHEAD_HEADERS)
