"""Every customer is in one arm, the same at every look, and the arms have their shares."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest
from scipy.stats import chi2_contingency, chisquare

from lbs.experiments.policy import Arm, Experiment, is_for, place_of, versions_of

CUSTOMERS = [uuid.UUID(int=number * 0x9E3779B97F4A7C15) for number in range(100_000)]
OFFER = uuid.UUID(int=7)
KEYS = [bytes([number]) * 32 for number in range(2)]


def experiment(*shares: int, key: bytes = KEYS[0], offer_id: uuid.UUID = OFFER) -> Experiment:
    """The last arm is the holdout."""
    arms = [Arm(f"arm {number}", share, number + 1) for number, share in enumerate(shares[:-1])]
    holdout = Arm("holdout", shares[-1], None)
    return Experiment(uuid.UUID(int=1), offer_id, key, (*arms, holdout))


def counts(tried: Experiment) -> Counter[str]:
    return Counter(tried.arm_of(customer).name for customer in CUSTOMERS)


@pytest.mark.parametrize("shares", [(50, 50), (40, 40, 20), (90, 9, 1), (33, 33, 34), (1, 99, 0)])
@pytest.mark.parametrize("key", KEYS)
def test_the_arms_have_their_shares(shares: tuple[int, ...], key: bytes):
    tried = experiment(*shares, key=key)
    found = counts(tried)
    expected = {arm.name: arm.share_percent * 1000 for arm in tried.arms if arm.share_percent}
    assert found.keys() == expected.keys()
    test = chisquare([found[name] for name in expected], list(expected.values()))
    assert test.pvalue > 0.001


def test_places_are_even_from_0_to_1():
    places = [place_of(KEYS[0], customer, OFFER) for customer in CUSTOMERS]
    assert 0 <= min(places) < max(places) < 1
    test = chisquare(list(Counter(int(place * 200) for place in places).values()))
    assert test.pvalue > 0.001


@pytest.mark.parametrize(
    "other",
    [experiment(30, 50, 20, key=KEYS[1]), experiment(30, 50, 20, offer_id=uuid.UUID(int=8))],
    ids=["another key", "another offer"],
)
def test_two_experiments_are_independent(other: Experiment):
    one = experiment(40, 40, 20)
    pairs = Counter((one.arm_of(c).name, other.arm_of(c).name) for c in CUSTOMERS)
    table = [[pairs[a.name, b.name] for b in other.arms] for a in one.arms]
    assert chi2_contingency(table).pvalue > 0.001


def test_a_customer_stays_in_their_arm():
    tried = experiment(40, 40, 20)
    assert counts(tried) == counts(tried)
    assert [tried.arm_of(customer) for customer in CUSTOMERS[:100]] == [
        experiment(40, 40, 20).arm_of(customer) for customer in CUSTOMERS[:100]
    ]


@pytest.mark.parametrize(
    ("shares", "nobody"), [((0, 100, 0), "arm 0"), ((100, 0, 0), "arm 1"), ((50, 50, 0), "holdout")]
)
def test_a_share_of_0_gets_nobody(shares: tuple[int, ...], nobody: str):
    assert counts(experiment(*shares))[nobody] == 0


def test_each_customer_meets_one_version_or_none():
    tried = experiment(40, 40, 20)
    plain = {"id": "other", "version": 9, "experiment_id": None}
    tested = {"id": str(OFFER), "version": 1, "experiment_id": "x"}
    rows = list(versions_of([plain, tested], {"x": tried}))
    assert [(row["version"], row.get("variant")) for row in rows] == [
        (9, None),
        (1, "arm 0"),
        (2, "arm 1"),
    ]
    for customer in CUSTOMERS[:1000]:
        met = [row["version"] for row in rows if is_for(row, customer)]
        held_out = tried.arm_of(customer).terms_version is None
        assert met == [9] if held_out else met == [9, tried.arm_of(customer).terms_version]
