"""Files of what was measured: asked for, made, given out in pieces, deleted; and whose they are."""

from __future__ import annotations

import csv
import hashlib
import io
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pyarrow.parquet as pq
import pytest
import time_machine
from sqlalchemy import text

from lbs.cli.server import conninfo
from lbs.exports import jobs
from lbs.exports.rules.columns import COLUMNS
from lbs.exports.service import making
from tests.exports.making import PERIOD, ask_for, file_of, made, make, working
from tests.http.test_tenancy import pseudonym_of
from tests.world import World, now

EXPORTS = "/v1/stats/exports"


@pytest.fixture
def worker(db, settings):
    with working(db, settings) as worker:
        yield worker


def table(response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def visit(world: World, venue, *, redeem: bool = True, **members):
    """A customer checks in and, if so, redeems what that opened."""
    person = world.register()
    seen = world.check_in(person["access_token"], venue)
    done = world.redeem(seen["unlocked"][0]["code"], venue, **members).json if redeem else None
    return person, seen, done


def test_redemptions_as_rows(world: World, worker):
    venue = world.venue()
    offer = world.offer(venue)
    person, seen, done = visit(world, venue, amount_minor=12000, order_reference="=SUM(A1)")
    export = make(world, worker)
    response = file_of(world, export)
    [row] = table(response)
    assert list(row) == [column.name for column in COLUMNS["redemptions"]]
    assert {
        "redemption_id": done["id"],
        "redeemed_at": done["redeemed_at"],
        "venue_id": venue["id"],
        "offer_id": offer["id"],
        "offer_version": "1",
        "customer": pseudonym_of(world, person["customer_id"]),
        "check_in_id": seen["id"],
        "api_key_id": str(world.key_id),
        "order_reference": "'=SUM(A1)",
        "currency": "DKK",
        "value_minor": "3500",
        "cost_minor": "600",
        "amount_minor": "12000",
        "counted": "true",
        "reversed_at": "",
        "reversal_reason": "",
    }.items() <= row.items()
    assert person["customer_id"] not in response.text
    assert export["rows"] == 1
    assert export["bytes"] == len(response.data)
    assert export["sha256"] == hashlib.sha256(response.data).hexdigest()
    name = "redemptions-2020-01-01-2100-01-01.csv"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response.content_type == "text/csv"


def test_a_redemption_taken_back_says_when_and_why(world: World, worker):
    venue = world.venue()
    world.offer(venue)
    _, _, done = visit(world, venue)
    reversed_ = world.ask(
        "post", f"/v1/redemptions/{done['id']}/reversal", json={"reason": "Wrong order"}
    )
    [row] = table(file_of(world, make(world, worker)))
    assert (row["reversed_at"], row["reversal_reason"]) == (reversed_["reversed_at"], "Wrong order")


def test_the_ledger_has_every_event_in_order_and_nobodys_own_id(world: World, db, worker):
    venue = world.venue()
    world.offer(venue)
    people = [visit(world, venue)[0] for _ in range(3)]
    world.redeem("WRONG", venue)
    response = file_of(world, make(world, worker, "ledger"))
    rows = table(response)
    with db.transaction() as session:
        events = session.execute(
            text("""SELECT id::text, kind, subject_id::text FROM ledger_event
                    WHERE merchant_id = :id ORDER BY at, id"""),
            {"id": world.merchant_id},
        ).all()
    assert [(row["id"], row["kind"]) for row in rows] == [(one.id, one.kind) for one in events]
    assert {row["kind"] for row in rows} == {
        "check_in",
        "unlocked",
        "redeemed",
        "redemption_refused",
    }
    assert {row["customer"] for row in rows} - {""} == {
        pseudonym_of(world, person["customer_id"]) for person in people
    }
    for personal in {one.subject_id for one in events if one.subject_id}:
        assert personal not in response.text


@pytest.mark.parametrize("what", ["redemptions", "ledger"])
def test_parquet_says_the_same_as_csv(world: World, worker, what: str):
    venue = world.venue()
    world.offer(venue)
    for _ in range(3):
        visit(world, venue, amount_minor=100)
    rows = table(file_of(world, make(world, worker, what)))
    export = make(world, worker, what, format="parquet")
    response = file_of(world, export)
    assert response.content_type == "application/vnd.apache.parquet"
    found = pq.read_table(io.BytesIO(response.data))
    assert found.num_rows == export["rows"] == len(rows)
    for column in ("value_minor", "amount_minor", "level"):
        said = [row[column] and int(row[column]) for row in rows]
        assert [value if value is not None else "" for value in found[column].to_pylist()] == said
    time = "redeemed_at" if what == "redemptions" else "at"
    assert found[time].to_pylist() == [datetime.fromisoformat(row[time]) for row in rows]
    assert found.schema.metadata[b"what"] == what.encode()
    assert found.schema.metadata[b"from"] == PERIOD["from"].encode()


def test_a_series_adds_up_to_the_totals(world: World, worker):
    venue = world.venue()
    offer = world.offer(venue)
    for _ in range(2):
        visit(world, venue, amount_minor=500)
    members = {"from": (now() - timedelta(days=3)).isoformat(), "to": now().isoformat()}
    export = make(
        world, worker, "series", by="day", offer_id=offer["id"], **members, format="parquet"
    )
    assert export["time_zone"] == "Europe/Copenhagen"
    found = pq.read_table(io.BytesIO(file_of(world, export).data))
    totals = world.totals(f"offers/{offer['id']}")
    assert found.num_rows in (3, 4)
    for name in ("unlocks", "redemptions", "new_customers"):
        assert sum(found[name].to_pylist()) == totals[name] == 2
    [money] = totals["money"]
    assert sum(filter(None, found["amount_minor"].to_pylist())) == money["amount_minor"] == 1000


def test_only_what_is_of_the_offer_the_venue_and_the_period(world: World, worker):
    here, there = world.venue(), world.venue()
    one = world.offer(here)
    visit(world, here)
    world.offer(there)
    visit(world, there)
    world.offer(here)
    visit(world, here, redeem=False)

    def rows(what: str = "redemptions", **members):
        return table(file_of(world, make(world, worker, what, **members)))

    assert len(rows()) == 2
    assert [row["offer_id"] for row in rows(offer_id=one["id"])] == [one["id"]]
    assert [row["venue_id"] for row in rows(venue_id=there["id"])] == [there["id"]]
    assert rows(to=(now() - timedelta(hours=1)).isoformat()) == []
    visits = [row for row in rows("ledger", offer_id=one["id"]) if row["kind"] == "check_in"]
    assert len(visits) == 2, "the check-ins at which it could have opened"


def test_an_export_says_what_the_ledger_held_when_it_was_asked_for(world: World, worker):
    venue = world.venue()
    world.offer(venue)
    visit(world, venue)
    asked = ask_for(world)
    visit(world, venue)
    worker.run()
    [export] = world.ask("get", EXPORTS)["items"]
    assert (export["id"], export["rows"]) == (asked["id"], 1)


def test_it_waits_for_what_had_begun_before_it_was_asked_for(world: World, db, settings):
    """A redemption that another transaction has not committed yet is not left out."""
    venue = world.venue()
    world.offer(venue)
    visit(world, venue)
    with psycopg.connect(conninfo(settings.database_url)) as open_before:
        open_before.execute("SELECT pg_current_xact_id()")
        asked = ask_for(world)
        assert made(world, asked)["state"] == "queued"
    with db.transaction() as session:
        again = session.scalar(
            text("""SELECT count(*) FROM procrastinate_jobs
                    WHERE args->>'export_id' = :id AND scheduled_at IS NOT NULL"""),
            {"id": asked["id"]},
        )
    assert again == 1
    assert made(world, asked)["state"] == "ready"


def test_a_refused_request_leaves_no_job(world: World, db, worker):
    world.call("post", EXPORTS, world.key, json={"what": "ledger", "format": "pdf", **PERIOD})
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"what": "ledger", "format": "csv", **PERIOD}
    asked = [world.ask("post", EXPORTS, json=body, headers=key) for _ in range(2)]
    assert asked[0] == asked[1]
    with db.transaction() as session:
        queued = session.scalars(text("SELECT args->>'export_id' FROM procrastinate_jobs")).all()
    assert queued == [asked[0]["id"]]


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"to": PERIOD["from"]}, "#/to"),
        ({"what": "series", "by": None}, "#/by"),
        ({"by": "day"}, "#/by"),
        ({"time_zone": "Europe/Copenhagen"}, "#/time_zone"),
        ({"what": "series", "by": "hour", "venue_id": str(uuid.uuid4())}, "#/by"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, members, pointer: str):
    body = {"what": "redemptions", "format": "csv", **PERIOD, **members}
    refused = world.call("post", EXPORTS, world.key, json=body)
    assert refused.status_code == 422
    assert pointer in [error["pointer"] for error in refused.json["errors"]]


def big(world: World, db, rows: int) -> None:
    """So many events, written straight into the merchant's ledger."""
    with db.transaction() as session:
        session.execute(
            text("""
                INSERT INTO ledger_event (id, at, kind, merchant_id, reasons)
                SELECT gen_random_uuid(), timestamptz '2026-01-01' + n * interval '1 second',
                       'redemption_refused', :merchant, ARRAY[md5(n::text)]
                FROM generate_series(1, :rows) AS n"""),
            {"merchant": world.merchant_id, "rows": rows},
        )


def test_a_download_goes_on_where_it_broke_off(world: World, db):
    big(world, db, 16_000)
    export = made(world, ask_for(world, "ledger"))
    assert export["bytes"] > 2 * making.PART_BYTES, "so there are several parts"
    whole = file_of(world, export)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["ETag"] == f'"{export["sha256"]}"'
    assert whole.content_length == len(whole.data) == export["bytes"]
    cut = making.PART_BYTES - 7
    etag = {"If-Range": whole.headers["ETag"]}
    for begin, end in ((0, 9), (cut, cut + 20), (export["bytes"] - 5, export["bytes"] - 1)):
        part = file_of(world, export, Range=f"bytes={begin}-{end}", **etag)
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {begin}-{end}/{export['bytes']}"
        assert part.data == whole.data[begin : end + 1]
    rest = file_of(world, export, Range=f"bytes={cut}-", **etag)
    assert whole.data[:cut] + rest.data == whole.data
    last = file_of(world, export, Range="bytes=-5")
    assert last.data == whole.data[-5:]


def test_a_range_that_is_not_there_is_416_and_an_outdated_one_gets_everything(world: World):
    export = made(world, ask_for(world))
    size = export["bytes"]
    refused = file_of(world, export, Range=f"bytes={size}-")
    assert (refused.status_code, refused.json["code"]) == (416, "requested-range-not-satisfiable")
    assert refused.headers["Content-Range"] == f"bytes */{size}"
    outdated = file_of(world, export, Range="bytes=0-3", **{"If-Range": '"other"'})
    assert (outdated.status_code, len(outdated.data)) == (200, size)
    unchanged = file_of(world, export, **{"If-None-Match": f'"{export["sha256"]}"'})
    assert (unchanged.status_code, unchanged.data) == (304, b"")


def test_a_file_that_is_not_ready_or_gone_says_so(world: World, db, settings):
    asked = ask_for(world)
    early = file_of(world, asked)
    assert (early.status_code, early.json["code"]) == (409, "export-not-ready")
    export = made(world, asked)
    kept_until = datetime.fromisoformat(export["expires_at"])
    assert abs(kept_until - now() - settings.export_ttl) < timedelta(minutes=1)
    with time_machine.travel(kept_until, tick=False):
        late = file_of(world, export)
        assert (late.status_code, late.json["code"]) == (410, "export-gone")
        assert world.ask("get", f"{EXPORTS}/{export['id']}")["state"] == "expired"


def parts(db, export) -> int:
    with db.transaction() as session:
        return session.scalar(
            text("SELECT count(*) FROM export_part WHERE export_id = :id"), {"id": export["id"]}
        )


def test_old_files_are_deleted_and_others_are_not(world: World, db, worker):
    old, fresh = make(world, worker), make(world, worker)
    with db.transaction() as session:
        session.execute(
            text("UPDATE export SET expires_at = now() WHERE id = :id"), {"id": old["id"]}
        )
    worker.defer("delete_old_exports")
    worker.run()
    assert (parts(db, old), parts(db, fresh)) == (0, 1)
    states = [export["state"] for export in world.ask("get", EXPORTS)["items"]]
    assert states == ["ready", "expired"]
    assert file_of(world, old).status_code == 410


def test_a_worker_that_died_half_way_leaves_no_half_file(world: World, db):
    """The next begins from the start, and comes to the same bytes."""
    big(world, db, 16_000)
    asked = ask_for(world, "ledger")
    with db.transaction() as session:
        died = making.begin(session, uuid.UUID(asked["id"]))
    with db.transaction() as reading, db.transaction() as session:
        offset, part = next(died.parts(reading, 5))
        making.keep(session, died, offset, part)
    assert parts(db, asked) == 1
    assert file_of(world, asked).json["code"] == "export-not-ready"
    export = made(world, asked)
    assert export["rows"] == 16_000
    data = file_of(world, export).data
    assert hashlib.sha256(data).hexdigest() == export["sha256"]
    twin = made(world, ask_for(world, "ledger"))
    assert twin["sha256"] == export["sha256"]

    with db.transaction() as session, pytest.raises(making.TakenOver):
        making.keep(session, died, offset + len(part), part)
    with db.transaction() as session:
        making.give_up(session, died)
    assert file_of(world, export).data == data, "the dead one, come back, can do no harm"


def test_what_cannot_be_made_fails_after_the_last_try(world: World, db, settings, monkeypatch):
    asked = ask_for(world, "ledger")

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(making, "WRITERS", {"csv": fail})
    for is_last, state in ((False, "running"), (True, "failed")):
        with pytest.raises(RuntimeError):
            jobs.make(db, settings, uuid.UUID(asked["id"]), is_last=is_last)
        assert world.ask("get", f"{EXPORTS}/{asked['id']}")["state"] == state
    assert file_of(world, asked).json["code"] == "export-not-ready"


def test_a_key_of_some_venues_exports_theirs_and_sees_no_more(world: World):
    here, there = world.venue(), world.venue()
    world.offer(here, there)
    for venue in (here, there):
        visit(world, venue)
    key = world.key_with("stats", venues=(here,))
    everything = made(world, ask_for(world, "ledger"))
    own = made(world, ask_for(world, "ledger", key))
    assert {row["venue_id"] for row in table(file_of(world, own, key))} == {here["id"]}
    assert {row["venue_id"] for row in table(file_of(world, everything))} >= {
        here["id"],
        there["id"],
    }
    listed = world.ask("get", EXPORTS, key)["items"]
    assert [export["id"] for export in listed] == [own["id"]]
    for path in ("", "/file"):
        assert world.call("get", f"{EXPORTS}/{everything['id']}{path}", key).status_code == 404
    link = f"{EXPORTS}/{everything['id']}/link"
    assert world.call("post", link, key).status_code == 404
    body = {"what": "ledger", "format": "csv", **PERIOD, "venue_id": there["id"]}
    refused = world.call("post", EXPORTS, key, json=body)
    assert (refused.status_code, refused.json["code"]) == (403, "venue-not-allowed")


def linked(world: World, export) -> str:
    link = world.ask("post", f"{EXPORTS}/{export['id']}/link")
    base = world.app.extensions["lbs_settings"].public_url
    assert link["url"].startswith(f"{base}/exports/{export['id']}?")
    return link["url"].removeprefix(base)


def test_a_signed_link_gives_the_file_to_whoever_has_it(world: World):
    export = made(world, ask_for(world))
    path = linked(world, export)
    given = world.call("get", path)
    assert given.status_code == 200
    assert given.data == file_of(world, export).data
    assert given.headers["ETag"] == f'"{export["sha256"]}"'
    part = world.call("get", path, headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.data) == (206, given.data[2:6])


def test_a_link_that_is_not_as_it_was_signed_is_refused(world: World):
    export, other = (made(world, ask_for(world)) for _ in range(2))
    path = linked(world, export)
    expires, signature = (pair.partition("=")[2] for pair in path.partition("?")[2].split("&"))
    for wrong in (
        path.replace(export["id"], other["id"]),
        path.replace(expires, str(int(expires) + 1)),
        path.replace(signature, "A" + signature[1:] if signature[0] != "A" else "B"),
        path.replace(signature, ""),
        path.replace(expires, "soon"),
        path.replace(expires, "9" * 400),
        path.replace(signature, "\u00e6"),
        path.partition("?")[0],
    ):
        refused = world.call("get", wrong)
        assert (refused.status_code, refused.json["code"]) == (403, "export-link-refused"), wrong


def test_a_link_expires(world: World, settings):
    path = linked(world, made(world, ask_for(world)))
    with time_machine.travel(now() + settings.export_link_ttl + timedelta(seconds=1)):
        refused = world.call("get", path)
    assert (refused.status_code, refused.json["code"]) == (403, "export-link-refused")


def test_a_link_is_good_after_the_secrets_key_was_changed(world: World, settings):
    from lbs.app import create_app  # noqa: PLC0415
    from lbs.vault import new_key  # noqa: PLC0415

    path = linked(world, made(world, ask_for(world)))
    keys = (new_key(), *settings.secrets_key)
    for secrets_key, status in ((keys, 200), (keys[:1], 403)):
        app = create_app(replace(settings, secrets_key=secrets_key))
        assert app.test_client().get(path).status_code == status
        app.extensions["lbs_database"].engine.dispose()


def test_exports_are_paged_newest_first(world: World):
    asked = [ask_for(world)["id"] for _ in range(3)]
    first = world.ask("get", EXPORTS, query_string={"limit": 2})
    rest = world.ask("get", EXPORTS, query_string={"cursor": first["next_cursor"]})
    assert [item["id"] for item in first["items"] + rest["items"]] == asked[::-1]
    assert datetime.fromisoformat(first["items"][0]["created_at"]).tzinfo == UTC
