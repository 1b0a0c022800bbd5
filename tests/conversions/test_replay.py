"""`lbs facebook replay`, as an operator calls it."""

from __future__ import annotations

import os

from sqlalchemy import text

from lbs.config import Settings
from tests.cli.test_commands import lbs
from tests.conversions.advertiser import Advertiser
from tests.live import variables


def test_the_operator_has_the_dead_tried_anew(advertiser: Advertiser, facebook_settings: Settings):
    with advertiser.world.db.transaction() as session:  # those of other tests
        session.execute(text("DELETE FROM conversion WHERE state = 'dead'"))
    visit = advertiser.visit()
    advertiser.datasets.poison = {visit["id"]}
    advertiser.work()
    assert advertiser.states() == ["dead"]
    advertiser.datasets.poison = set()
    env = {**os.environ, **variables(facebook_settings)}
    assert "conversions          1 tried anew" in lbs(env, "facebook", "replay")
    assert "conversions          0 tried anew" in lbs(env, "facebook", "replay")
    advertiser.work()
    assert advertiser.states() == ["sent"]
