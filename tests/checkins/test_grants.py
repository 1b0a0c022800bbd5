"""Which of many unlocks fit under the limits, and what is given back of those that do not."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.checkins.service.grants import Grant, Holder, fit, unused, used
from lbs.offers.rules import Candidate, Take
from lbs.unlocks.service import UnlockView

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OFFERS = (uuid.UUID(int=1), uuid.UUID(int=2))
SWARM = "swarm 2026-11-22 venue v"

many = settings(deadline=None, derandomize=True, max_examples=200)


def grant(offer_id: uuid.UUID, takes: dict[str, Take], keeps: dict[str, Take]) -> Grant:
    own = uuid.uuid4()
    holder = Holder(own, own, own, level=1, first_visit=False, counted=True, occurred_at=NOW)
    view = UnlockView(
        id=own,
        offer_id=offer_id,
        offer_version=1,
        venue_id=own,
        venue_name="Venue",
        check_in_id=own,
        state="unlocked",
        teaser="",
        terms="",
        reward={},
        value_minor=0,
        currency="DKK",
        opened_by="swarm",
        unlocked_at=NOW,
        expires_at=NOW,
        code="",
    )
    candidate = Candidate(offer_id, 0, "DKK")
    return Grant(
        holder,
        view,
        "",
        b"",
        wants_own_code=False,
        takes=takes,
        keeps=keeps,
        candidate=candidate,
        pledges=(),
    )


TAKES = {
    "total": Take(1, 4),
    "day 2026-11-22": Take(1, 3),
    "customer a": Take(1, 1),
    "customer b": Take(1, 2),
    "budget DKK": Take(3, 8),
}
buckets = st.sets(st.sampled_from(sorted(TAKES))).map(lambda names: {n: TAKES[n] for n in names})
grants = st.lists(
    st.builds(grant, st.sampled_from(OFFERS), buckets, st.sampled_from([{}, {SWARM: Take(1, 2)}])),
    max_size=9,
)
stocks = st.dictionaries(
    st.tuples(st.sampled_from(OFFERS), st.sampled_from([*TAKES, SWARM])), st.integers(0, 4)
)


@many
@given(wanted=grants, taken=stocks)
def test_what_fits_is_under_every_cap_and_nothing_more_would_fit(wanted, taken):
    fitting = fit(wanted, taken)
    takes = {counter: take for one in wanted for counter, take in one.counters.items()}
    units = used(fitting)
    assert all(taken.get(counter, 0) + units[counter] <= takes[counter].cap for counter in units)
    assert fitting == [one for one in wanted if one in fitting]
    for one in wanted:
        if one not in fitting:
            full = [
                counter
                for counter, take in one.counters.items()
                if taken.get(counter, 0) + units[counter] > take.cap - take.units
            ]
            assert full


@many
@given(wanted=grants, data=st.data())
def test_what_is_given_back_and_what_was_granted_is_all_that_was_taken(wanted, data):
    granted = [one for one in wanted if data.draw(st.booleans())]
    taken = used(wanted)
    words = [f"{offer_id} {bucket}" for offer_id, bucket in taken]
    back = unused(wanted, {one.view.id for one in granted}, words)
    assert used(granted) + Counter(back) == taken
    assert unused(wanted, {one.view.id for one in granted}, []) == {}
