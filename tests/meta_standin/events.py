"""What Meta's Conversions API does with a batch of events, as far as its documents say.

One event that is not as it should be fails the whole batch: nothing of it is received.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, jsonify, request

from tests.meta_standin.server import Meta, Refusal, graph_blueprint

MOST = 1000
DAY = 86_400
OLD = 2_804_003
"""The subcode of an event that is too old."""
SOURCES = {
    "app", "business_messaging", "chat", "email", "other", "phone_call", "physical_store",
    "system_generated", "website",
}  # fmt: skip
KEYS = {
    "action_source", "app_data", "custom_data", "data_processing_options",
    "data_processing_options_country", "data_processing_options_state", "event_id", "event_name",
    "event_source_url", "event_time", "opt_out", "original_event_data", "referrer_url",
    "user_data",
}  # fmt: skip
HASHED = {"em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "country"}
NAMING = {"em", "ph", "external_id", "fbc", "fbp", "fb_login_id", "lead_id", "madid"}
"""By one of these, and not by a name or a town alone, a person can be found."""
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass
class Received:
    """An event that was received, and whether it is one that had been received before."""

    dataset_id: str
    event: dict[str, Any]
    is_repeated: bool
    test_event_code: str | None


@dataclass
class Datasets:
    """What all datasets have received, in the order in which it came."""

    received: list[Received] = field(default_factory=list)
    calls: list[list[dict[str, Any]]] = field(default_factory=list)
    """The events of each call, also of those that were refused."""
    poison: set[str] = field(default_factory=set)
    """Orders that are refused for a reason that nobody is told."""
    unreceived: int = 0
    """So many of the next call are sent and not received."""
    _known: set[tuple[Any, ...]] = field(default_factory=set)

    def take(self, dataset_id: str, form: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a batch."""
        events = read(form.get("data"))
        self.calls.append(events)
        for number, event in enumerate(events):
            self._check(event, number)
        lost, self.unreceived = self.unreceived, 0
        for event in events[: len(events) - lost]:
            self._keep(dataset_id, event, form.get("test_event_code"))
        return {"events_received": len(events) - lost, "messages": []}

    def of(self, dataset_id: str) -> list[Received]:
        return [one for one in self.received if one.dataset_id == dataset_id]

    def _check(self, event: dict[str, Any], number: int) -> None:
        check(event, number, time.time())
        if event.get("custom_data", {}).get("order_id") in self.poison:
            raise Refusal(100, text=f"event {number}: something is wrong")

    def _keep(self, dataset_id: str, event: dict[str, Any], code: str | None) -> None:
        key = same_as(dataset_id, event)
        self.received.append(Received(dataset_id, event, key in self._known, code))
        self._known.add(key)


def read(data: str | None) -> list[dict[str, Any]]:
    """The documents send an array of objects; the official SDK sends one of JSON texts."""
    try:
        items = json.loads(data or "")
        events = [json.loads(item) if isinstance(item, str) else item for item in items]
    except (ValueError, TypeError):
        raise Refusal(100, text="data must be a JSON array of events") from None
    if not isinstance(items, list) or not all(isinstance(event, dict) for event in events):
        raise Refusal(100, text="data must be a JSON array of events")
    if not 1 <= len(events) <= MOST:
        raise Refusal(100, text=f"data must hold 1 to {MOST} events")
    return events


def check(event: dict[str, Any], number: int, now: float) -> None:
    for problem, is_so in _problems(event):
        if is_so:
            raise Refusal(100, text=f"event {number}: {problem}")
    days = 62 if event["action_source"] == "physical_store" else 7
    if now - event["event_time"] > days * DAY:
        raise Refusal(100, OLD, text=f"event {number}: older than {days} days")
    if event["event_time"] > now + 60:
        raise Refusal(100, text=f"event {number}: in the future")


def same_as(dataset_id: str, event: dict[str, Any]) -> tuple[Any, ...]:
    """What two events have in common that are one: in a shop, it is not their `event_id`."""
    said = event.get("custom_data", {})
    if event["action_source"] != "physical_store":
        return (dataset_id, event["event_name"], event.get("event_id"))
    order = said.get("order_id") or json.dumps(event["user_data"], sort_keys=True)
    return (dataset_id, event["event_time"], event["event_name"], said.get("item_number"), order)


def _problems(event: dict[str, Any]) -> list[tuple[str, bool]]:
    name, at, person = (event.get(key) for key in ("event_name", "event_time", "user_data"))
    people = person if isinstance(person, dict) else {}
    said = event.get("custom_data", {})
    return [
        ("no such member", not event.keys() <= KEYS),
        ("event_name is missing", not (isinstance(name, str) and name.strip())),
        ("event_time must be whole seconds", not isinstance(at, int) or isinstance(at, bool)),
        ("action_source is none", event.get("action_source") not in SOURCES),
        ("user_data names nobody", not any(people.get(key) for key in NAMING)),
        ("user_data is not hashed", not all(_is_hashed(people[key]) for key in HASHED & {*people})),
        ("custom_data is no object", not isinstance(said, dict)),
        ("a purchase has a value and a currency", name == "Purchase" and not _has_worth(said)),
    ]


def _is_hashed(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(one, str) and bool(HASH.fullmatch(one)) for one in values)


def _has_worth(said: Any) -> bool:
    value, currency = said.get("value"), said.get("currency")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and isinstance(currency, str) and bool(re.fullmatch("[A-Za-z]{3}", currency))


def blueprint(meta: Meta) -> Blueprint:
    blp = graph_blueprint(meta, "events")
    datasets = meta.state_of(Datasets)

    @blp.post("/<int:dataset_id>/events")
    def send(dataset_id: int) -> Response:
        with meta.lock:
            answer = datasets.take(str(dataset_id), request.form)
        return jsonify({**answer, "fbtrace_id": f"A{secrets.token_hex(8)}"})

    return blp
