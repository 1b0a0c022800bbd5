"""What of before and after becomes an entry."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbs.audit.policy import differences, plain, withhold

A, B = UUID(int=1), UUID(int=2)
Point = namedtuple("Point", "lon lat")  # noqa: PYI024 - as lbs.geo has it
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@dataclass
class Thing:
    name: str
    version: int = 1
    limit: int | None = None


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (None, None, {}),
        (Thing("a"), Thing("a"), {}),
        (Thing("a"), Thing("a", version=2), {}),
        (Thing("a"), Thing("b", version=2), {"name": ["a", "b"]}),
        (None, Thing("a"), {"name": [None, "a"]}),
        (Thing("a", limit=0), None, {"name": ["a", None], "limit": [0, None]}),
        (Thing("a", limit=3), Thing("a"), {"limit": [3, None]}),
        ({"ids": [A, B]}, {"ids": [B, A]}, {}),
        ({"ids": (A,)}, {"ids": [A, B]}, {"ids": [[str(A)], [str(A), str(B)]]}),
        ({"names": ["b", "a"]}, {"names": ["a", "b"]}, {"names": [["b", "a"], ["a", "b"]]}),
        (Point(1.5, 2), Point(1.5, 3), {"lat": [2, 3]}),
        ({"on": False}, {"on": True}, {"on": [False, True]}),
    ],
)
def test_only_what_differs_is_told(before: Any, after: Any, changes: dict[str, Any]):
    assert differences(before, after) == changes


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (datetime(2026, 11, 1, 1, tzinfo=timezone(timedelta(hours=1))), "2026-11-01T00:00:00Z"),
        (datetime(2026, 11, 1, 1, 0, 0, 5, tzinfo=UTC), "2026-11-01T01:00:00.000005Z"),
        (date(2026, 11, 1), "2026-11-01"),
        (time(17, 30), "17:30:00"),
        (A, str(A)),
        ({"at": Point(1.5, 2.0)}, {"at": {"lon": 1.5, "lat": 2.0}}),
        ({A: [date(2026, 1, 1)]}, {str(A): ["2026-01-01"]}),
        ([], []),
        ({B, A}, [str(A), str(B)]),
    ],
)
def test_values_are_told_as_json(value: Any, said: Any):
    assert plain(value) == said


@given(st.dictionaries(st.text(), JSON), st.dictionaries(st.text(), JSON))
def test_the_new_values_can_be_made_from_the_old_and_the_changes(old: Any, new: Any):
    changes = differences(old, new)
    redone = dict(old) | {name: value for name, (_, value) in changes.items()}
    unsaid = {"id", "version", "created_at", "updated_at"}
    for name in (old.keys() | new.keys()) - unsaid:
        assert redone.get(name) == new.get(name)
        assert (name in changes) == (old.get(name) != new.get(name))


def test_a_text_about_a_person_is_withheld():
    assert withhold("Drunk again") == "withheld"
    assert withhold(None) is None
