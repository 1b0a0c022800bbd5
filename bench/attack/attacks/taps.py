"""Attacks on NFC tags, beacons and readers of wristbands."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta

from bench.attack.field import OPENED, Field, Json, Try, Venue, now, refused

A_YEAR = timedelta(days=365)
A_BATCH = 20


def forged_mac(field: Field, level: int) -> Iterator[Try]:
    """A tag's address with the counter raised, or data of one's own, and a MAC made up"""
    venue = field.venue(level)
    tag = field.tag(venue)
    for n in range(field.tries):
        plain = f"uid={tag.uid.hex()}&ctr={n + 1:06X}"
        said = plain if n % 2 else f"picc_data={secrets.token_hex(16)}"
        forged = f"https://example.test/t?{said}&cmac={secrets.token_hex(8)}"
        yield _tapped(field, venue, forged)


def rolled_back_counter(field: Field, level: int) -> Iterator[Try]:
    """Taps recorded earlier and not used, after the tag has been read again"""
    venue = field.venue(level)
    tag = field.tag(venue)
    recorded = [tag.tap() for _ in range(field.tries)]
    _expect(_tapped(field, venue, tag.tap()))
    for url in recorded:
        yield _tapped(field, venue, url)


def replayed_tap(field: Field, level: int) -> Iterator[Try]:
    """The address of a tap that another customer has used"""
    venue = field.venue(level)
    tag = field.tag(venue)
    for _ in range(field.tries):
        url = tag.tap()
        _expect(_tapped(field, venue, url))
        yield _tapped(field, venue, url)


def hoarded_taps(field: Field, level: int) -> Iterator[Try]:
    """An accomplice taps often and passes on, spoofed, one at a time; midway a customer taps"""
    venue = field.venue(level)
    tag = field.tag(venue)
    hoard = [tag.tap() for _ in range(field.tries)]
    for n, url in enumerate(hoard):
        if n == field.tries // 2:
            _expect(_tapped(field, venue, tag.tap()))
        yield _tapped(field, venue, url)


def relayed_tap(field: Field, level: int) -> Iterator[Try]:
    """A tap passed on by an accomplice, sent from 5 km away with the true location"""
    venue = field.venue(level)
    tag, away = field.tag(venue), venue.moved(north_m=5000)
    for _ in range(field.tries):
        evidence = {"kind": "nfc_tag", "url": tag.tap()}
        yield field.attempt(field.plain_customer(), venue, field.fix(away), evidence)


def replayed_beacon(field: Field, level: int) -> Iterator[Try]:
    """What a beacon, a year in service, sent two hours ago"""
    venue = field.venue(level)
    beacon = field.beacon(venue, A_YEAR)
    for _ in range(field.tries):
        heard = {"kind": "beacon", "eid": beacon.broadcast(now() - timedelta(hours=2))}
        yield field.attempt(field.plain_customer(), venue, field.fix(venue), heard)


def relayed_beacon_spoofed(field: Field, level: int) -> Iterator[Try]:
    """An accomplice passes on what the beacon sends, and every phone lies about its location"""
    venue = field.venue(level)
    heard = {"kind": "beacon", "eid": field.beacon(venue, A_YEAR).broadcast(now())}
    for _ in range(field.tries):
        yield field.attempt(field.plain_customer(), venue, field.fix(venue), heard)


def stolen_reader_key(field: Field, level: int) -> Iterator[Try]:
    """Taps reported with a reader's key that was stolen, and since revoked"""
    venue = field.venue(level, cool_down_s=0)
    reader = field.proof(venue, "reader")
    tags = _wristbands(field, venue)
    field.ask("DELETE", f"/v1/venues/{venue.id}/proofs/{reader['id']}")
    for sequence, tag in enumerate(tags):
        taps = [_tap(sequence, tag)]
        answer = field.call("POST", "/v1/taps", reader["token"], json={"taps": taps})
        yield OPENED if answer.is_success else refused(answer)


def tap_batch_replay(field: Field, level: int) -> Iterator[Try]:
    """A reader's batch is sent again, and again with the numbers given to other wristbands"""
    venue = field.venue(level, cool_down_s=0)
    reader = field.proof(venue, "reader")
    tags = _wristbands(field, venue)
    batch = [_tap(sequence, tag) for sequence, tag in enumerate(tags)]
    _report(field, reader, batch)
    swapped = [_tap(sequence, tag) for sequence, tag in enumerate(reversed(tags))]
    for result in _report(field, reader, batch) + _report(field, reader, swapped):
        yield Try(("repeated",)) if result["repeated"] else Try((result["outcome"],), opened=True)


def lost_wristband(field: Field, level: int) -> Iterator[Try]:
    """A wristband that its customer has reported lost is held to the reader"""
    venue = field.venue(level, cool_down_s=0)
    reader = field.proof(venue, "reader")
    tags = _wristbands(field, venue)
    for band in field.ask("GET", "/v1/wristbands", params={"limit": 100})["items"]:
        if band["status"] == "bound":
            field.post(f"/v1/wristbands/{band['id']}/loss", {})
    for result in _report(field, reader, [_tap(n, tag) for n, tag in enumerate(tags)]):
        yield Try((result["outcome"],), opened=result["outcome"] == "accepted")


def _tapped(field: Field, venue: Venue, url: str) -> Try:
    """A fresh account inside the fence, or so it says, with the address of a tap."""
    evidence = {"kind": "nfc_tag", "url": url}
    return field.attempt(field.plain_customer(), venue, field.fix(venue), evidence)


def _expect(tried: Try) -> None:
    if not tried.opened:
        raise AssertionError(f"A good tap was refused: {tried.reason}")


def _wristbands(field: Field, venue: Venue) -> list[str]:
    """Tags bound to customers who have checked in."""
    tags = [secrets.token_hex(7) for _ in range(min(field.tries, A_BATCH))]
    for tag in tags:
        receipt = field.visit(field.customer(), venue)["receipt"]
        field.post("/v1/wristbands", {"tag": tag, "receipt": receipt})
    return tags


def _tap(sequence: int, tag: str) -> Json:
    return {"sequence": sequence, "tag": tag, "tapped_at": now().isoformat()}


def _report(field: Field, reader: Json, taps: Sequence[Json]) -> list[Json]:
    items: list[Json] = field.post("/v1/taps", {"taps": list(taps)}, reader["token"])["items"]
    return items
