"""The stand-in is no milder than what Meta's documents say of batches."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lbs.conversions.rules import event_of, hashed
from lbs.graph.client import Graph
from lbs.graph.errors import GraphError
from tests.conversions.test_rules import conversion
from tests.meta_standin.events import Datasets
from tests.meta_standin.server import Meta

DAY = 86_400


def good(**members: Any) -> dict[str, Any]:
    return {**event_of(conversion(time=int(time.time()))), **members}


class Caller:
    def __init__(self, meta: Meta, graph: Graph) -> None:
        self.graph, self.datasets = graph, meta.state_of(Datasets)
        self.token = meta.give_token("SYSTEM_USER", "1")

    def send(self, data: Any, **fields: str) -> dict[str, Any]:
        return self.graph.call("POST", "7/events", self.token, {"data": data, **fields}).body

    def refusal(self, data: Any) -> tuple[int | None, int | None]:
        with pytest.raises(GraphError) as caught:
            self.send(data)
        return caught.value.code, caught.value.subcode


@pytest.fixture
def caller(meta: Meta, graph: Graph) -> Caller:
    return Caller(meta, graph)


def test_events_may_be_objects_or_texts(caller: Caller):
    answer = caller.send([good(), json.dumps(good(event_name="Other"))])
    assert (answer["events_received"], answer["messages"]) == (2, [])
    assert answer["fbtrace_id"]
    assert [one.event["event_name"] for one in caller.datasets.received] == [
        "VenueCheckIn",
        "Other",
    ]


@pytest.mark.parametrize(
    "bad",
    [
        good(event_name=""),
        good(event_name=None),
        good(event_time="1795379328"),
        good(event_time=1_795_379_328.5),
        good(action_source="shop"),
        good(user_data={}),
        good(user_data={"ct": [hashed("copenhagen")]}),
        good(user_data={"em": ["a@b.dk"]}),
        good(user_data={"em": hashed("a").upper()}),
        good(user_data={"ph": [hashed("1"), "4532123456"], "external_id": "x"}),
        good(event_name="Purchase"),
        good(event_name="Purchase", custom_data={"value": "12", "currency": "dkk"}),
        good(event_name="Purchase", custom_data={"value": 12, "currency": "kr."}),
        good(latitude=55.7),
        good(custom_data=[]),
    ],
    ids=lambda event: str({k: v for k, v in event.items() if good().get(k) != v})[:60],
)
def test_one_bad_event_fails_the_whole_batch(caller: Caller, bad: dict[str, Any]):
    assert caller.refusal([good(), bad, good()]) == (100, None)
    assert caller.datasets.received == []
    assert caller.send([good()])["events_received"] == 1


@pytest.mark.parametrize(
    ("source", "days", "is_taken"),
    [
        ("physical_store", 61.9, True),
        ("physical_store", 62.1, False),
        ("website", 6.9, True),
        ("website", 7.1, False),
    ],
)
def test_an_event_that_is_too_old_fails_the_whole_batch(
    caller: Caller,
    source: str,
    days: float,
    is_taken: bool,  # noqa: FBT001
):
    batch = [good(), good(action_source=source, event_time=int(time.time() - days * DAY))]
    if is_taken:
        assert caller.send(batch)["events_received"] == 2
    else:
        assert caller.refusal(batch) == (100, 2_804_003)
        assert caller.datasets.received == []


@pytest.mark.parametrize("data", ["", "{", "{}", "[]", "[1]", '["x"]', [good()] * 1001], ids=str)
def test_what_is_no_batch_is_refused(caller: Caller, data: Any):
    assert caller.refusal(data) == (100, None)


@pytest.mark.parametrize(
    ("members", "is_same"),
    [
        ({"event_id": "another"}, True),
        ({"user_data": {"external_id": ["another"]}}, True),
        ({"event_name": "Another"}, False),
        ({"event_time": int(time.time()) - 60}, False),
        ({"custom_data": {"order_id": "another"}}, False),
    ],
    ids=str,
)
def test_in_a_shop_an_event_is_known_by_order_time_and_name(
    caller: Caller,
    members: dict[str, Any],
    is_same: bool,  # noqa: FBT001
):
    event = good()
    for one in (event, {**event, **members}):
        caller.send([one])
    assert [one.is_repeated for one in caller.datasets.received] == [False, is_same]


def test_a_test_code_is_kept_and_the_event_all_the_same(caller: Caller):
    caller.send([good()], test_event_code="TEST1")
    [received] = caller.datasets.received
    assert received.test_event_code == "TEST1"
