"""Who follows a link, by what they say of themselves."""

from __future__ import annotations

import pytest

from lbs.shares.rules.followers import Follower, is_ahead, tell

SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
PEOPLE = [
    SAFARI,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/142.0 Mobile [FB_IAB/FB4A;FBAV/540.0.0.1;]",
    SAFARI + " [FBAN/FBIOS;FBAV/540.0.0.1.1;FBDV/iPhone16,2]",
    "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/140 Mobile Safari/537",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
]
META = [
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "facebookexternalhit/1.1",
    "FacebookExternalHit/9.9",
    "facebookcatalog/1.0",
    "Facebot",
    "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
    "meta-externalfetcher/1.1",
    "Meta-WebIndexer/1.1",
    "meta-externalads/1.1",
    SAFARI + " (Applebot/0.1) facebookexternalhit/1.1 Facebot Twitterbot/1.0",
]
BOTS = [
    "",
    " ",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Twitterbot/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.24.1 A",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "curl/8.5.0",
    "python-httpx/0.28.1",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/142.0.0.0 Safari/537.36",
]


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        *((agent, Follower.PERSON) for agent in PEOPLE),
        *((agent, Follower.META_CRAWLER) for agent in META),
        *((agent, Follower.OTHER_BOT) for agent in BOTS),
    ],
)
def test_it_is_told_by_the_name_in_any_version(agent: str, expected: Follower):
    assert tell(agent) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Sec-Fetch-Mode": "navigate"}, False),
        ({"Sec-Purpose": "prefetch"}, True),
        ({"Sec-Purpose": "prefetch;prerender"}, True),
        ({"Purpose": "prefetch"}, True),
        ({"X-Purpose": "preview"}, True),
        ({"X-Moz": "prefetch"}, True),
    ],
)
def test_what_is_fetched_ahead_says_so(headers: dict[str, str], *, expected: bool):
    assert is_ahead(headers.get) is expected
