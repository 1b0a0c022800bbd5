"""The worlds that the benchmark measures in can be made with the tables as they are."""

from __future__ import annotations

from contextlib import closing

from bench.data import Size, Tokens, make_funnel, make_unlocks, make_world, offer_places
from bench.servers import database
from lbs.app import create_app


def test_a_world_takes_check_ins_unlocks_and_events(cluster):
    with database(cluster, "bench") as base:
        make_world(base, Size(venues=300, customers=10, check_ins=200, offers=3))
        codes = make_unlocks(base, 3)
        make_funnel(base, 1000)
        place = offer_places(base)[0]
        with closing(Tokens(base)) as tokens:
            token = tokens.of(1)
        app = create_app(base.settings)
        seen = app.test_client().get(
            f"/v1/venues/nearby?lon={place.lon}&lat={place.lat}&radius_m=500",
            headers={"Authorization": f"Bearer {token}"},
        )
        assert str(place.venue_id) in {item["id"] for item in seen.json["items"]}
        with base.connect() as connection:
            counted = connection.execute(
                "SELECT (SELECT count(*) FROM unlock), (SELECT count(*) FROM ledger_event)"
            ).fetchone()
        assert counted is not None
        assert counted[0] == len(codes)
        assert counted[1] >= 1000
        app.extensions["lbs_database"].engine.dispose()
