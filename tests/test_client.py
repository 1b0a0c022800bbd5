"""A client made from openapi.yaml by a generator plays the whole story with typed calls."""

from __future__ import annotations

import importlib
import json
import random
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.exports.making import made
from tests.world import METRE, World

DOCUMENT = Path(__file__).parents[1] / "openapi" / "openapi.yaml"
PACKAGE = "lbs_client"


class Sdk:
    """The generated package: `models`, `types`, and a function `call` for the operations."""

    def __init__(self, package: ModuleType) -> None:
        self.package = package
        self.models: Any = importlib.import_module(f"{PACKAGE}.models")
        self.types: Any = importlib.import_module(f"{PACKAGE}.types")

    def call(self, operation: str, client: Any, *args: Any, **options: Any) -> Any:
        """`tag.operation_id`, as one would import it."""
        module = importlib.import_module(f"{PACKAGE}.api.{operation}")
        return module.sync_detailed(*args, client=client, **options)


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("client")
    config = home / "config.json"
    files = ("image/png", "text/csv", "application/vnd.apache.parquet")
    overrides = dict.fromkeys(files, "application/octet-stream")
    config.write_text(json.dumps({"content_type_overrides": overrides, "post_hooks": []}))
    made = subprocess.run(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none",
            "--path", str(DOCUMENT), "--config", str(config), "--output-path", str(home / PACKAGE),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = (made.stdout + made.stderr).lower()
    assert made.returncode == 0, said
    assert "warning" not in said, said
    assert "unable" not in said, said
    sys.path.insert(0, str(home))
    try:
        yield Sdk(importlib.import_module(PACKAGE))
    finally:
        sys.path.remove(str(home))


@pytest.fixture
def connect(sdk: Sdk, live: str):
    """Gives a client for a token."""
    with ExitStack() as open_clients:
        yield lambda token: open_clients.enter_context(
            sdk.package.AuthenticatedClient(base_url=live, token=token)
        )


def test_names_are_ones_a_person_would_choose(sdk: Sdk):
    names = [name for name in dir(sdk.models) if name[0].isupper()]
    awkward = [name for name in names if name[-1].isdigit() or "Type" in name or "Item" in name]
    assert awkward == ["FreeItemReward", "SeriesItem"]


def fix_of(m: Any, world: World, north_m: float = 0) -> Any:
    """A location near the world's place; no two of them are quite equal."""
    lat, lon = (random.uniform(-2, 2) * METRE for _ in range(2))
    return m.LocationEvidence(
        lat=world.lat + north_m * METRE + lat,
        lon=world.lon + lon,
        accuracy_m=10.0,
        captured_at=datetime.now(UTC),
    )


def test_the_whole_story(sdk: Sdk, connect: Any, world: World):  # noqa: PLR0915  (a story)
    m = sdk.models
    merchant = connect(world.key)
    app = connect(world.publishable_key)

    def once() -> dict[str, str]:
        return {"idempotency_key": str(uuid4())}

    fence = m.Circle(centre=m.Point(lon=world.lon, lat=world.lat), radius_m=50)
    body = m.CreateVenue(name="20 grams", fence=fence, time_zone="Europe/Copenhagen")
    venue = sdk.call("venues.create_venue", merchant, body=body, **once()).parsed
    assert isinstance(venue, m.Venue)
    assert isinstance(venue.fence, m.Circle)
    assert venue.status is m.VenueStatus.ACTIVE

    now = datetime.now(UTC)
    body = m.CreateOffer(
        teaser="Something warm is on us",
        terms="One filter coffee of any size",
        reward=m.FreeItemReward(item="A filter coffee"),
        rule=m.FirstVisitRule(),
        value_minor=3500,
        cost_minor=600,
        currency="DKK",
        goal=m.Goal(kind=m.GoalKind.NEW_CUSTOMERS, target=5),
        valid_from=now - timedelta(days=1),
        valid_to=now + timedelta(days=1),
        limit_total=5,
        venue_ids=[venue.id],
    )
    answer = sdk.call("offers.create_offer", merchant, body=body, **once())
    offer = answer.parsed
    assert (offer.status, offer.limit_per_day) == (m.OfferStatus.DRAFT, None)
    assert (offer.reward, offer.rule) == (body.reward, body.rule)

    rule = m.NthVisitRule(n=3)
    change = m.ChangeOffer(rule=rule, limit_total=None)
    options = {"body": change, "if_match": answer.headers["ETag"]}
    changed = sdk.call("offers.change_offer", merchant, offer.id, **options).parsed
    assert (changed.rule, changed.limit_total, changed.teaser) == (rule, None, offer.teaser)
    outdated = sdk.call("offers.change_offer", merchant, offer.id, **options).parsed
    assert (outdated.status, outdated.code) == (412, "version-outdated")
    options = {"body": m.ChangeOffer(rule=body.rule), "if_match": f'"{changed.version}"'}
    assert sdk.call("offers.change_offer", merchant, offer.id, **options).status_code == 200

    body = m.SetOfferStatus(status=m.NextOfferStatus.ACTIVE)
    active = sdk.call("offers.set_offer_status", merchant, offer.id, body=body, **once()).parsed
    assert active.status is m.OfferStatus.ACTIVE

    body = m.RegisterCustomer(device_id=str(uuid4()))
    session = sdk.call("customers.register_customer", app, body=body, **once()).parsed
    customer = connect(session.access_token)

    here = {"lat": world.lat, "lon": world.lon}
    nearby = sdk.call("venues.find_venues_nearby", customer, **here).parsed
    [found] = nearby.items
    [seen] = found.offers
    assert (found.id, found.distance_m) == (venue.id, 0)
    assert (seen.offer_id, seen.state) == (offer.id, m.OfferState.UNLOCKABLE_HERE)
    assert seen.reason is None
    shown = sdk.call("venues.map_venues_nearby", customer, **here).parsed
    assert [feature.id for feature in shown.features] == [venue.id]

    def check_in(north_m: float) -> Any:
        body = m.CreateCheckIn(venue_id=venue.id, evidence=[fix_of(m, world, north_m)])
        return sdk.call("check_ins.check_in", customer, body=body, **once()).parsed

    far = check_in(north_m=400)
    assert far.verdict is m.Verdict.REJECTED
    assert [reason.code for reason in far.reasons] == ["outside_fence"]
    assert (far.unlocked, far.receipt) == ([], None)

    inside = check_in(north_m=0)
    assert (inside.verdict, inside.level) == (m.Verdict.ACCEPTED, m.PresenceLevel.L1)
    [unlock] = inside.unlocked
    assert isinstance(unlock.reward, m.FreeItemReward)

    wallet = sdk.call("unlocks.list_unlocks", customer).parsed
    assert [one.id for one in wallet.items] == [unlock.id]
    assert wallet.next_cursor is None
    picture = sdk.call("unlocks.read_unlock_qr", customer, unlock.id).parsed
    assert picture.payload.read().startswith(b"\x89PNG")

    redeem = m.Redeem(code=unlock.code, venue_id=venue.id, amount_minor=12000)
    first = sdk.call("redemptions.redeem", merchant, body=redeem, **once()).parsed
    assert isinstance(first, m.NewRedemption)
    assert (first.terms, first.reversed_at) == (offer.terms, None)

    second = sdk.call("redemptions.redeem", merchant, body=redeem, **once())
    assert second.status_code == 409
    assert isinstance(second.parsed, m.Problem)
    assert second.parsed.code == "code-refused"

    body = m.Reverse(reason="Wrong order")
    back = sdk.call("redemptions.reverse_redemption", merchant, first.id, body=body, **once())
    assert back.parsed.reversal_reason == "Wrong order"
    again = sdk.call("redemptions.redeem", merchant, body=redeem, **once())
    assert again.status_code == 201

    stats = sdk.call("stats.read_offer_funnel", merchant, offer.id).parsed
    assert stats.check_ins == m.CheckInCounts(accepted=1, ambiguous=0, rejected=1)
    counted = {step.step: step.count for step in stats.steps}
    assert (counted[m.FunnelStep.UNLOCKED], counted[m.FunnelStep.REDEEMED]) == (1, 2)
    assert (stats.reversed_, stats.from_, stats.previous) == (1, None, None)
    [money] = sdk.call("stats.read_offer_money", merchant, offer.id).parsed.items
    assert (money.currency, money.amount_minor) == ("DKK", 12000)

    body = m.SimulateReplay(days=30, terms=m.TriedTerms(cost_minor=700))
    played = sdk.call("offers.simulate_offer", merchant, offer.id, body=body, **once()).parsed
    assert isinstance(played, m.SimulatedReplay)
    assert (played.visits, played.unlocks, played.cost_minor) == (1, 1, 700)
    assert [(group.venue_id, group.venues) for group in played.by_venue] == [(None, 1)]
    tried = m.TriedTerms(limit_per_day=5)
    body = m.SimulateCheckIn(venue_id=venue.id, described=m.DescribedCustomer(), terms=tried)
    trial = sdk.call("offers.simulate_offer", merchant, offer.id, body=body, **once()).parsed
    assert (trial.opens, trial.opens_for) == (True, m.Reach.CUSTOMER)
    assert [(counter.limit, counter.left) for counter in trial.counters] == [("per_day", 5)]
    by_hour = sdk.call(
        "stats.read_offer_series",
        merchant,
        offer.id,
        from_=now - timedelta(hours=1),
        to=now + timedelta(hours=1),
        by=m.Interval.HOUR,
    ).parsed
    assert sum(item.unlocks for item in by_hour.items) == 1


def test_the_story_of_a_stronger_proof(  # noqa: PLR0915  (a story)
    sdk: Sdk, connect: Any, world: World
):
    """An offer that the location alone does not open opens by what the kiosk shows."""
    m = sdk.models
    merchant = connect(world.key)

    def once() -> dict[str, str]:
        return {"idempotency_key": str(uuid4())}

    venue = UUID(world.venue()["id"])
    offer = UUID(world.offer({"id": str(venue)}, min_level="L3")["id"])
    body = m.CreateVenueCodeProof(name="Counter", step_s=60)
    made = sdk.call("proofs.create_venue_proof", merchant, venue, body=body, **once()).parsed
    assert isinstance(made, m.NewVenueCodeProof)
    assert (made.step_s, made.max_customers, made.version) == (60, 20, 1)
    assert made.kiosk_url.endswith(f"#key={made.token}")
    read = sdk.call("proofs.read_venue_proof", merchant, venue, made.id).parsed
    assert isinstance(read, m.VenueCodeProof)
    body = m.CreateStaffProof(name="Anna")
    anna = sdk.call("proofs.create_venue_proof", merchant, venue, body=body, **once()).parsed
    assert isinstance(anna, m.NewStaffProof)
    kinds = {"kind": m.VenueProofKind.STAFF}
    [listed] = sdk.call("proofs.list_venue_proofs", merchant, venue, **kinds).parsed.items
    assert (listed.id, listed.kind) == (anna.id, "staff")

    customer = connect(world.customer())
    here = m.CreateCheckIn(venue_id=venue, evidence=[fix_of(m, world)])
    weak = sdk.call("check_ins.check_in", customer, body=here, **once()).parsed
    assert (weak.verdict, weak.level) == (m.Verdict.ACCEPTED, m.PresenceLevel.L1)
    assert (weak.unlocked, weak.event_id) == ([], None)
    [locked] = weak.locked
    assert (locked.offer_id, locked.min_level) == (offer, m.PresenceLevel.L3)
    assert locked.reason.code == "level_too_low"
    assert weak.needs == locked.needs
    assert set(weak.needs) == {m.ProofKind(kind) for kind in ("venue_code", "staff_pin", "staff")}
    assert datetime.now(UTC) < weak.evidence_until

    kiosk = connect(made.token)
    codes = sdk.call("proofs.read_kiosk_codes", kiosk).parsed
    assert len(codes.codes) == 3
    assert codes.codes[0].valid_from <= codes.now < codes.codes[0].valid_until
    typed = m.VenueCodeEvidence(code=codes.codes[0].code)
    body = m.AddEvidence(evidence=[typed])
    strong = sdk.call("check_ins.add_evidence", customer, weak.id, body=body, **once()).parsed
    assert (strong.id, strong.level) == (weak.id, m.PresenceLevel.L3)
    assert (strong.locked, strong.needs, strong.evidence_until) == ([], [], None)
    [unlock] = strong.unlocked
    assert unlock.offer_id == offer

    body = m.VerifyReceipt(
        receipt=strong.receipt, venue_id=venue, min_level=m.PresenceLevel.L3, use=True
    )
    good = sdk.call("check_ins.verify_receipt", merchant, body=body, **once()).parsed
    assert (good.valid, good.flaw, good.check_in_id) == (True, None, strong.id)
    assert good.proofs == ["location", "venue_code"]
    twice = sdk.call("check_ins.verify_receipt", merchant, body=body, **once()).parsed
    assert (twice.valid, twice.flaw) == (False, m.ReceiptFlaw.USED)

    findings = sdk.call("check_ins.read_findings", merchant, weak.id).parsed
    assert (findings.level, findings.findings, findings.unlocks) == (m.PresenceLevel.L3, [], 1)
    [proof] = findings.proofs
    assert (proof.kind, proof.outcome) == (m.VenueProofKind.VENUE_CODE, m.ProofOutcome.VALID)
    assert (proof.proof_id, proof.name) == (made.id, "Counter")

    staff = connect(anna.token)
    seen = sdk.call("check_ins.confirm_check_in", staff, weak.id, **once()).parsed
    assert isinstance(seen, m.StaffConfirmation)
    assert (seen.level, seen.opened) == (m.PresenceLevel.L3, 0)

    body = m.CreatePosterCodeProof(name="Door")
    door = sdk.call("proofs.create_venue_proof", merchant, venue, body=body, **once()).parsed
    english = {"lang": m.Language.EN}
    poster = sdk.call("proofs.read_poster", merchant, venue, door.id, **english).parsed
    assert door.code in poster

    body = m.Void(reason="Tested the kiosk")
    taken = sdk.call("check_ins.void_check_in", merchant, weak.id, body=body, **once()).parsed
    assert (taken.visit_taken_back, taken.unlocks_voided) == (True, 1)
    void = sdk.call("check_ins.list_check_ins", customer).parsed.items[0]
    assert (void.id, void.verdict) == (weak.id, m.Verdict.VOIDED)


def test_the_story_around_an_offer(  # noqa: PLR0915  (a story)
    sdk: Sdk, connect: Any, world: World
):
    """What it is held against, its copies and codes, and what customers say and pass on."""
    m, merchant = sdk.models, connect(world.key)
    place = world.venue()
    offer = UUID(world.offer(place)["id"])

    def once() -> dict[str, str]:
        return {"idempotency_key": str(uuid4())}

    def sheet(text: str) -> Any:
        return sdk.types.File(payload=BytesIO(text.encode()))

    body = m.CreatePromotion(text="2 for 1", channel="poster", ends_on=date(2026, 11, 30))
    answer = sdk.call("offers.create_promotion", merchant, body=body, **once())
    advert = answer.parsed
    assert (advert.text, advert.starts_on, advert.ends_on) == ("2 for 1", None, body.ends_on)
    options = {"body": m.ChangePromotion(ends_on=None), "if_match": answer.headers["ETag"]}
    changed = sdk.call("offers.change_promotion", merchant, advert.id, **options).parsed
    assert sdk.call("offers.read_promotion", merchant, advert.id).parsed == changed
    text = "text,channel\n2 for 1,poster\n3 for 2,radio\n,poster\n"
    options = {"body": sheet(text), "mode": m.ImportMode.EACH}
    report = sdk.call("offers.import_promotions", merchant, **options, **once()).parsed
    assert (len(report.created), report.already_there) == (1, 1)
    assert [(line.line, line.errors[0].pointer) for line in report.refused] == [(4, "#/text")]
    sdk.call("offers.delete_promotion", merchant, advert.id)
    running = {"running_on": date(2026, 11, 1)}
    listed = sdk.call("offers.list_promotions", merchant, **running).parsed.items
    assert [row.id for row in listed] == report.created

    changes = [m.TermChanges(limit_per_day=n) for n in (20, 30)]
    copies = [
        sdk.call("offers.copy_offer", merchant, offer, body=m.CopyOffer(changes=one), **once())
        for one in changes
    ]
    ids = [copy.parsed.id for copy in copies]
    compared = sdk.call("stats.compare_offers", merchant, offer, with_=ids).parsed
    assert [one.copied_from for one in compared.offers] == [None, offer, offer]
    [difference] = compared.differences
    assert (difference.member, [one.value for one in difference.values]) == (
        "limit_per_day",
        [None, 20, 30],
    )

    body = sheet("code\nTAK-4711-ABCD\nTAK-0815-EFGH\n")
    taken = sdk.call("offer_codes.import_offer_codes", merchant, ids[0], body=body, **once()).parsed
    assert (taken.imported, taken.refused) == (2, [])
    left = sdk.call("offer_codes.read_offer_codes", merchant, ids[0]).parsed
    assert (left.available, left.handed_out) == (2, 0)
    kept = sdk.call("offer_codes.export_offer_codes", merchant, ids[0], state=m.CodeState.AVAILABLE)
    assert kept.parsed.payload.read().startswith(b"code,state,imported_at,handed_out_at\r\nTAK")
    page = sdk.call("offers.read_staff_sheet", merchant, offer, lang=m.Language.DA).parsed
    assert "Til personalet" in page
    report = sdk.call("stats.read_offer_report", merchant, offer, lang=m.Language.DA).parsed
    assert "Rapport om tilbud" in report

    guests = [world.customer() for _ in range(5)]
    for guest in guests:
        world.check_in(guest, place)
    anna, bo = connect(guests[0]), connect(guests[1])
    party = sdk.call("parties.create_party", anna, body=m.CreateParty(), **once()).parsed
    assert sdk.call("parties.read_party", bo, party.code).parsed == party
    invitation = sdk.call("friends.create_friend_invitation", anna, **once()).parsed
    body = m.AddFriend(code=invitation.code)
    friend = sdk.call("friends.add_friend", bo, body=body, **once()).parsed
    assert sdk.call("friends.list_friends", anna).parsed.items == [friend]
    assert sdk.call("friends.remove_friend", anna, friend.id).status_code == 204
    link = sdk.call("shares.create_share", anna, offer, **once()).parsed
    body = m.CreateReferral(token=link.token)
    assert sdk.call("shares.create_referral", bo, body=body, **once()).parsed.offer_id == offer

    viewed = m.TeaserViewed(
        client_id=uuid4(), at=datetime.now(UTC), offer_id=offer, channel=m.Channel.LINK
    )
    body = m.ReportAppEvents(events=[viewed])
    counted = sdk.call("app_events.report_app_events", bo, body=body, **once()).parsed
    assert [one.recorded for one in counted.counts] == [1, 0]

    body = m.FlagOffer(problem=m.OfferProblem.NOT_REDEEMABLE, text="The till knew nothing of it")
    for guest in guests:
        said = sdk.call("flags.flag_offer", connect(guest), offer, body=body, **once()).parsed
    assert sdk.call("flags.list_offer_flags", merchant, offer).parsed.items[0] == said
    [notice] = sdk.call("notices.list_notices", merchant, unread=True).parsed.items
    assert (notice.kind, notice.offer_id) == (m.NoticeKind.OFFER_PAUSED, offer)
    read = sdk.call("notices.mark_notice_read", merchant, notice.id, **once()).parsed
    assert read.read_at is not None
    [entry] = sdk.call(
        "audit.list_audit_entries", merchant, resource_id=offer, limit=1
    ).parsed.items
    assert (entry.action, entry.actor.key_id) == ("offer.status_set", None)
    [change] = entry.changes
    assert (change.member, change.old, change.new) == ("status", "active", "paused")


def test_the_story_of_an_export(sdk: Sdk, connect: Any, world: World):
    m, merchant = sdk.models, connect(world.key)
    venue, start = world.venue(), datetime.now(UTC) - timedelta(days=1)

    def once() -> dict[str, str]:
        return {"idempotency_key": str(uuid4())}

    body = m.CreateExport(
        what=m.ExportContent.LEDGER,
        format_=m.ExportFormat.CSV,
        from_=start,
        to=start + timedelta(days=2),
        venue_id=UUID(venue["id"]),
    )
    asked = sdk.call("exports.create_export", merchant, body=body, **once()).parsed
    assert (asked.state, asked.rows) == (m.ExportState.QUEUED, None)
    world.check_in(world.customer(), venue)
    made(world, {"id": str(asked.id)})
    ready = sdk.call("exports.read_export", merchant, asked.id).parsed
    assert (ready.state, ready.rows) == (m.ExportState.READY, 0)
    assert sdk.call("exports.list_exports", merchant).parsed.items == [ready]
    file = sdk.call("exports.read_export_file", merchant, asked.id)
    assert len(file.content) == ready.bytes_
    link = sdk.call("exports.create_export_link", merchant, asked.id, **once()).parsed
    assert "signature=" in link.url
    body = m.CreateExportSchedule(
        every=m.ExportPeriod.WEEK,
        hour=6,
        time_zone="Europe/Copenhagen",
        what=m.ExportContent.REDEMPTIONS,
        format_=m.ExportFormat.PARQUET,
    )
    weekly = sdk.call("exports.create_export_schedule", merchant, body=body, **once()).parsed
    assert weekly.by is None
    assert sdk.call("exports.list_export_schedules", merchant).parsed.items == [weekly]
    assert sdk.call("exports.read_export_schedule", merchant, weekly.id).parsed == weekly
    assert sdk.call("exports.delete_export_schedule", merchant, weekly.id).status_code == 204
    told = sdk.call("exports.read_live_events", merchant).parsed
    assert told.startswith("retry: ")


def test_what_is_wrong_comes_back_as_a_problem(sdk: Sdk, connect: Any, world: World):
    m = sdk.models
    merchant = connect(world.key)
    fence = m.Polygon(coordinates=[[[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]])
    body = m.CreateVenue(name="Bow tie", fence=fence)
    answer = sdk.call("venues.create_venue", merchant, body=body, idempotency_key="1")
    assert isinstance(answer.parsed, m.Problem)
    assert (answer.status_code, answer.parsed.code) == (422, "unprocessable-entity")
    assert answer.parsed.errors[0].pointer.startswith("#/fence/")

    stranger = connect("no-such-token")
    refused = sdk.call("venues.list_venues", stranger).parsed
    assert (refused.status, refused.code) == (401, "bad-token")
