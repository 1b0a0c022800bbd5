"""Single-use codes of the merchant's own: imported, counted, handed out, given out as CSV."""

from __future__ import annotations

import csv
import io
import random
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from lbs.unlocks import queries
from lbs.unlocks.policy import (
    RANDOM_BYTES,
    Flaw,
    count_guessable,
    make_code,
    read_any,
    read_code,
    sort_out,
)
from lbs.unlocks.queries import HAS_CODES, HAS_CODES_LEFT
from tests.racing import at_once
from tests.world import World, now

OURS = make_code(random.Random(1).randbytes(RANDOM_BYTES))
FRESH = (f"TAK-{number * 7919 % 100_003:06d}X" for number in range(1, 100_000))


def fresh(count: int) -> list[str]:
    return [next(FRESH) for _ in range(count)]


def send(
    world: World, offer: dict[str, Any], body: str | bytes, key: str | None = None, **how: Any
):
    options = {"content_type": "text/csv", **how}
    path = f"/v1/offers/{offer['id']}/codes/import"
    return world.call("post", path, key or world.key, data=body, **options)


def load(world: World, offer: dict[str, Any], codes: list[str]) -> dict[str, Any]:
    answer = send(world, offer, "\n".join(codes))
    assert answer.status_code == 201, answer.text
    return answer.json


def count(world: World, offer: dict[str, Any]) -> dict[str, int]:
    return world.ask("get", f"/v1/offers/{offer['id']}/codes")


def export(world: World, offer: dict[str, Any], **query: str) -> list[dict[str, str]]:
    answer = world.call("get", f"/v1/offers/{offer['id']}/codes.csv", world.key, query_string=query)
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def duplicates(**counts: int) -> dict[str, int]:
    return {"in_file": 0, "in_offer": 0, "elsewhere": 0, **counts}


def hand_out(session: Any, unlocks: list[tuple[str, str]]) -> dict[str, str]:
    """As the check-in does it, for unlocks that are there: sealed codes by unlock."""
    offers = {uuid.UUID(one): uuid.UUID(offer) for one, offer in unlocks}
    taken = queries.take_codes(session, offers)
    queries.hand_out_codes(session, {code.id: one for one, code in taken.items()})
    return {str(one): code.sealed_code for one, code in taken.items()}


def unlock(world: World, venue: dict[str, Any], offer: dict[str, Any]) -> str:
    seen = world.check_in(world.customer(), venue)
    return next(one["id"] for one in seen["unlocked"] if one["offer_id"] == offer["id"])


# --- the pure part: how a code is found


def test_our_own_codes_are_found_by_themselves():
    for seed in range(200):
        code = make_code(random.Random(seed).randbytes(RANDOM_BYTES))
        assert read_any(code) == code == read_code(code)


@pytest.mark.parametrize(
    "typed",
    [OURS.lower(), OURS.replace("-", ""), OURS.replace("-", " "), OURS.replace("-", "\u2013")],
)
def test_ours_are_read_however_they_are_typed(typed: str):
    assert read_any(typed) == OURS


@pytest.mark.parametrize(
    ("code", "typed"),
    [
        ("tak-4711-abcd", "TAK4711ABCD"),
        ("TAK 4711 ABCD", "tak-4711-abcd"),
        ("TAK\u20114711", "tak\u00a04711"),
        ("ＴＡＫ４７１１", "tak4711"),
        ("Smørrebrød-7", "SMØRREBRØD 7"),
        ("A_b.c/d", "a_B.C/D"),
    ],
)
def test_a_merchants_code_is_found_however_it_is_typed(code: str, typed: str):
    assert read_any(code) == read_any(typed)


@pytest.mark.parametrize(
    ("one", "other"), [("TAKO", "TAK0"), ("TAKI", "TAK1"), ("A.BC1", "ABC1"), ("TAK1", "TAK2")]
)
def test_other_codes_are_other_codes(one: str, other: str):
    assert read_any(one) != read_any(other)


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=64))
def test_reading_twice_is_reading_once(typed: str):
    assert read_any(read_any(typed)) == read_any(typed)


@settings(deadline=None, derandomize=True)
@given(st.text(st.characters(codec="ascii", exclude_categories=("C",)), max_size=64))
def test_case_blanks_and_dashes_do_not_matter(code: str):
    for typed in (code.lower(), code.upper(), code.replace(" ", ""), f" -{code}- "):
        assert read_any(typed) == read_any(code)


# --- the pure part: what is imported


@pytest.mark.parametrize(
    ("code", "flaw"),
    [
        ("ABCD", None),
        ("A" * 64, None),
        ("AB CD", None),
        ("ABC", Flaw.TOO_SHORT),
        ("A-B-C", Flaw.TOO_SHORT),
        ("", Flaw.TOO_SHORT),
        ("----", Flaw.TOO_SHORT),
        ("A" * 65, Flaw.TOO_LONG),
        ("ABCD\0", Flaw.NOT_PRINTABLE),
        ("ABCD\u200b", Flaw.NOT_PRINTABLE),
        ("AB\tCD", Flaw.NOT_PRINTABLE),
        (None, Flaw.NO_CSV),
    ],
)
def test_what_is_no_code_is_refused_with_its_line(code: str | None, flaw: Flaw | None):
    found = sort_out([(7, code)])
    assert found.refused == (((7, flaw),) if flaw else ())
    assert list(found.codes.values()) == ([] if flaw else [code])


def test_the_first_of_codes_that_are_alike_is_taken():
    found = sort_out(enumerate(["tak-4711", "TAK4711", "TAK-4712", "TAK 4711"]))
    assert list(found.codes.values()) == ["tak-4711", "TAK-4712"]
    assert found.repeated == 2
    assert sort_out([(1, OURS), (2, OURS)]).repeated == 1


@pytest.mark.parametrize(
    ("codes", "guessable"),
    [
        ([], 0),
        (["ABCDEFG"], 1),
        (["QWERTYUZ"], 0),
        (["AB-CD-EF-G"], 1),
        (["12345678"], 1),
        (["87654321"], 1),
        (["00000000"], 1),
        (["HGFEDCBA"], 1),
        (["SUMMER-0001", "SUMMER-0002", "SUMMER-0009"], 2),
        (["SUMMER-0999", "SUMMER-1000", "WINTER-1001"], 2),
        (["SUMMER-099", "SUMMER-0100"], 0),
        (["73519024", "20481937"], 0),
        (["TAKÆØÅ1²"], 0),
    ],
)
def test_what_is_easily_guessed_is_counted(codes: list[str], guessable: int):
    assert count_guessable(codes) == guessable


# --- over HTTP


def test_codes_are_imported_counted_and_given_out_as_csv(world: World):
    offer = world.offer(world.venue())
    assert count(world, offer) == {"imported": 0, "available": 0, "handed_out": 0}
    codes = fresh(3)
    assert load(world, offer, codes) == {
        "imported": 3,
        "duplicates": duplicates(),
        "refused": [],
        "refused_count": 0,
        "guessable": 0,
        "available": 3,
    }
    assert count(world, offer) == {"imported": 3, "available": 3, "handed_out": 0}
    rows = export(world, offer)
    assert [row["code"] for row in rows] == codes
    assert {row["state"] for row in rows} == {"available"}
    assert {row["handed_out_at"] for row in rows} == {""}


def test_the_audit_log_says_how_many_were_imported_and_by_whom(world: World):
    offer = world.offer(world.venue())
    codes = fresh(3)
    for _ in range(2):
        load(world, offer, codes[:1])
    load(world, offer, codes)
    answer = world.call("get", "/v1/audit", world.key)
    entries = [one for one in answer.json["items"] if one["action"] == "offer.codes_imported"]
    assert [entry["changes"] for entry in entries] == [
        [{"member": "codes", "old": 1, "new": 3}],
        [{"member": "codes", "old": 0, "new": 1}],
    ]
    assert {entry["resource_id"] for entry in entries} == {offer["id"]}
    assert not any(code in answer.text for code in codes)


def test_a_header_other_columns_and_a_byte_order_mark_are_understood(world: World):
    offer = world.offer(world.venue())
    one, two = fresh(2)
    body = f"\ufeffcode;note\r\n{one};first\r\n{two};second\r\n".encode()
    assert send(world, offer, body).json["imported"] == 2
    assert [row["code"] for row in export(world, offer)] == [one, two]


def test_duplicates_are_counted_by_where_they_are(world: World, other_world: World):
    venue = world.venue()
    offer, other = world.offer(venue), world.offer(venue)
    one, two, three, four = fresh(4)
    load(world, offer, [one])
    load(world, other, [two])
    report = load(world, offer, [one.lower(), two, three, three.replace("-", ""), four])
    assert report["imported"] == 2
    assert report["duplicates"] == duplicates(in_file=1, in_offer=1, elsewhere=1)
    assert report["available"] == 3
    elsewhere = other_world.offer(other_world.venue())
    assert load(other_world, elsewhere, [one])["imported"] == 1


def test_lines_that_are_none_are_reported_and_the_others_imported(world: World):
    offer = world.offer(world.venue())
    one, two = fresh(2)
    report = load(world, offer, [one, "abc", "", "x" * 65, "a,b", f'"{one}', two])
    assert report["imported"] == 2
    assert report["refused"] == [
        {"line": 2, "reason": "too_short"},
        {"line": 4, "reason": "too_long"},
        {"line": 5, "reason": "no_csv"},
        {"line": 6, "reason": "no_csv"},
    ]
    assert report["refused_count"] == 4


def test_not_every_refused_line_is_told_but_all_are_counted(world: World):
    offer = world.offer(world.venue())
    report = load(world, offer, ["x"] * 1200)
    assert (len(report["refused"]), report["refused_count"], report["imported"]) == (1000, 1200, 0)


def test_codes_that_are_easily_guessed_are_imported_with_a_count(world: World):
    offer = world.offer(world.venue())
    report = load(world, offer, ["SOMMER", "RUN-100001", "RUN-100002", *fresh(1)])
    assert (report["imported"], report["guessable"]) == (4, 3)


def test_a_file_of_50000_codes_is_taken_and_a_longer_one_is_not(world: World):
    offer = world.offer(world.venue())
    codes = [f"BIG{number * 7919 % 1_000_003:07d}Q" for number in range(1, 50_002)]
    refused = send(world, offer, "\n".join(codes))
    assert (refused.status_code, refused.json["code"]) == (422, "unprocessable-entity")
    assert count(world, offer)["imported"] == 0
    assert load(world, offer, codes[:-1])["imported"] == 50_000


@pytest.mark.parametrize(
    ("body", "how", "status"),
    [
        (b"", {}, 422),
        (b"code\n", {}, 422),
        (b"\xff\xfe", {}, 400),
        (b"ABCD1234", {"content_type": "application/json"}, 415),
        (b"x" * (2 * 1024 * 1024 + 1), {}, 413),
    ],
    ids=["empty", "header only", "not UTF-8", "not CSV", "too large"],
)
def test_what_is_no_file_of_codes_is_refused(world: World, body: bytes, how: Any, status: int):
    offer = world.offer(world.venue())
    refused = send(world, offer, body, **how)
    assert refused.status_code == status
    assert refused.content_type == "application/problem+json"


def test_the_same_request_again_imports_once(world: World):
    offer = world.offer(world.venue())
    body, key = "\n".join(fresh(2)), {"Idempotency-Key": "x"}
    first, again = (send(world, offer, body, headers=key) for _ in range(2))
    assert first.json == again.json
    assert count(world, offer)["imported"] == 2


def test_another_merchant_and_another_scope_reach_nothing(world: World, other_world: World):
    offer = world.offer(world.venue())
    load(world, offer, fresh(1))
    path = f"/v1/offers/{offer['id']}/codes"
    answers = [
        send(world, offer, "ABCD12345", other_world.key),
        world.call("get", path, other_world.key),
        world.call("get", f"{path}.csv", other_world.key),
    ]
    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [
        (404, "offer-not-found")
    ] * 3
    assert world.call("get", f"{path}.csv", world.key_with("stats")).status_code == 403
    assert count(world, offer)["imported"] == 1


def test_an_offer_that_has_ended_takes_no_codes(world: World):
    offer = world.offer(world.venue(), status="ended")
    refused = send(world, offer, "ABCD12345")
    assert (refused.status_code, refused.json["code"]) == (409, "offer-ended")


def test_the_codes_are_not_in_the_table(world: World, db):
    offer = world.offer(world.venue())
    [code] = fresh(1)
    load(world, offer, [code])
    with db.transaction() as session:
        rows = session.scalars(text("SELECT offer_code::text FROM offer_code")).all()
    assert not any(code in row for row in rows)


def test_a_cell_that_a_spreadsheet_would_run_is_quoted_and_comes_back_as_it_was(world: World):
    venue = world.venue()
    offer, copy = world.offer(venue), world.offer(venue, status="draft")
    codes = ["=cmd|x!A1", "+4512345678", "@SUM(A1:A9)", "-TAK-99887"]
    load(world, offer, codes)
    rows = export(world, offer)
    assert [row["code"] for row in rows] == [f"'{code}" for code in codes]
    body = "code\n" + "\n".join(row["code"] for row in rows)
    assert send(world, copy, body).json["duplicates"] == duplicates(elsewhere=4)


# --- handing out


def test_codes_go_out_in_the_order_of_the_file_and_are_not_given_twice(world: World, app, db):
    venue = world.venue()
    offer, other = world.offer(venue), world.offer(venue)
    codes, others = fresh(3), fresh(1)
    vault = app.extensions["lbs_vault"]
    first, second, third = (unlock(world, venue, offer) for _ in range(3))
    foreign = [unlock(world, venue, other) for _ in range(2)]
    load(world, offer, codes)
    load(world, other, others)
    with db.transaction() as session:
        given = hand_out(session, [(first, offer["id"])])
        assert {one: vault.unseal(sealed) for one, sealed in given.items()} == {first: codes[0]}
    with db.transaction() as session:  # several at once, for two offers, one of them short of codes
        given = hand_out(
            session,
            [
                (second, offer["id"]),
                (third, offer["id"]),
                *((one, other["id"]) for one in foreign),
            ],
        )
    assert sorted(vault.unseal(sealed) for sealed in given.values()) == sorted(codes[1:] + others)
    assert len(given) == 3
    assert count(world, offer) == {"imported": 3, "available": 0, "handed_out": 3}
    assert count(world, other) == {"imported": 1, "available": 0, "handed_out": 1}


def test_taken_at_once_each_code_goes_to_one(world: World, db):
    venue = world.venue()
    offer = world.offer(venue)
    unlocks = [unlock(world, venue, offer) for _ in range(8)]
    load(world, offer, fresh(5))

    def take(unlock_id: str) -> int:
        with db.transaction() as session:
            return len(hand_out(session, [(unlock_id, offer["id"])]))

    taken = at_once([lambda one=one: take(one) for one in unlocks])
    assert sum(taken) == 5
    assert count(world, offer) == {"imported": 5, "available": 0, "handed_out": 5}


def test_nobody_waits_for_a_code_that_another_takes(world: World, db):
    venue = world.venue()
    offer = world.offer(venue)
    one, other = (unlock(world, venue, offer) for _ in range(2))
    load(world, offer, fresh(2))
    with db.transaction() as held:
        first = hand_out(held, [(one, offer["id"])])
        with db.transaction() as session:
            session.execute(text("SET LOCAL statement_timeout = '5s'"))
            second = hand_out(session, [(other, offer["id"])])
    assert set(first.values()) & set(second.values()) == set()
    assert len(first) == len(second) == 1


def test_a_check_in_may_ask_whether_there_are_any_left(world: World, db):
    venue = world.venue()
    offer, bare = world.offer(venue), world.offer(venue)
    load(world, offer, fresh(1))

    def asked(which: dict[str, Any]) -> tuple[bool, bool]:
        query = f"SELECT {HAS_CODES}, {HAS_CODES_LEFT} FROM offer WHERE id = :id"
        with db.transaction() as session:
            return tuple(session.execute(text(query), {"id": which["id"]}).one())

    assert (asked(offer), asked(bare)) == ((True, True), (False, False))
    unlock(world, venue, offer)
    assert asked(offer) == (True, False)


def test_what_has_become_of_a_code_stands_in_the_csv(world: World, db):
    venue = world.venue()
    offer = world.offer(venue)
    codes = fresh(3)
    unlocks = [unlock(world, venue, offer) for _ in range(2)]
    load(world, offer, codes)
    for one, state in zip(unlocks, ("unlocked", "redeemed"), strict=True):
        with db.transaction() as session:
            hand_out(session, [(one, offer["id"])])
            session.execute(
                text("UPDATE unlock SET state = :state WHERE id = :id"), {"state": state, "id": one}
            )
    assert [
        (row["code"], row["state"], bool(row["handed_out_at"])) for row in export(world, offer)
    ] == [
        (codes[0], "unlocked", True),
        (codes[1], "redeemed", True),
        (codes[2], "available", False),
    ]
    assert [row["code"] for row in export(world, offer, state="available")] == codes[2:]
    assert [row["code"] for row in export(world, offer, state="handed_out")] == codes[:2]


def test_two_imports_of_the_same_codes_at_once_import_each_once(world: World):
    venue = world.venue()
    offers = [world.offer(venue) for _ in range(4)]
    codes = fresh(200)

    def run(offer: dict[str, Any], order: int) -> dict[str, Any]:
        shuffled = random.Random(order).sample(codes, len(codes))
        client = world.app.test_client()
        return client.post(
            f"/v1/offers/{offer['id']}/codes/import",
            data="\n".join(shuffled),
            headers={"Authorization": f"Bearer {world.key}", "Idempotency-Key": str(uuid.uuid4())},
            content_type="text/csv",
        ).json

    reports = at_once([lambda o=offer, n=n: run(o, n) for n, offer in enumerate(offers * 2)])
    assert sum(report["imported"] for report in reports) == 200
    assert sum(sum(report["duplicates"].values()) for report in reports) == 200 * 7
    assert sum(count(world, offer)["imported"] for offer in offers) == 200


def test_two_merchants_may_have_unlocks_of_one_code(world: World, other_world: World, db):
    digest = now().isoformat().encode()
    for each in (world, other_world):
        venue = each.venue()
        offer = each.offer(venue)
        with db.transaction() as session:
            session.execute(
                text("UPDATE unlock SET code_digest = :digest WHERE id = :id"),
                {"digest": digest, "id": unlock(each, venue, offer)},
            )
