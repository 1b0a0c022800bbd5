"""The official SDK and we say the same: of one event the stand-in reads the same from both."""

from __future__ import annotations

import json
from typing import Any

import pytest
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

from lbs.graph.client import Graph
from tests.conversions.advertiser import Advertiser

EMAIL, PHONE = " John_Smith@gmail.com ", "+1 (650)555-1212"


def by_the_sdk(said: dict[str, Any], *, email: str, phone: str) -> Event:
    """Of plain address and number: the SDK makes their hashes itself."""
    custom = said["custom_data"]
    known = ("order_id", "content_ids", "content_type", "value", "currency")
    return Event(
        event_name=said["event_name"],
        event_time=said["event_time"],
        event_id=said["event_id"],
        action_source=ActionSource.PHYSICAL_STORE,
        user_data=UserData(
            emails=[email], phones=[phone], external_ids=said["user_data"]["external_id"]
        ),
        custom_data=CustomData(
            **{name: custom[name] for name in known if name in custom},
            custom_properties={"store_data": custom["store_data"]},
        ),
    )


@pytest.fixture
def sdk(advertiser: Advertiser, monkeypatch: pytest.MonkeyPatch):
    """It keeps one connection for the whole process, and would report crashes to Meta."""
    monkeypatch.setattr(FacebookSession, "GRAPH", advertiser.meta.address)
    meta = advertiser.meta
    api = FacebookAdsApi.init(meta.app_id, meta.app_secret, advertiser.token, crash_log=False)
    yield
    api._session.requests.close()  # noqa: SLF001
    FacebookAdsApi.set_default_api(None)


@pytest.mark.parametrize("members", [{}, {"amount_minor": 12_950}], ids=["none", "bought"])
def test_the_sdk_sends_the_same_event(advertiser: Advertiser, sdk: None, members: dict[str, Any]):
    customer = advertiser.customer(email=EMAIL.strip(), phone=PHONE)
    advertiser.redeem(advertiser.visit(customer), **members)
    advertiser.work()
    ours = advertiser.received
    assert len(ours) == 2
    events = [by_the_sdk(event, email=EMAIL, phone=PHONE) for event in ours]
    answer = EventRequest(pixel_id=advertiser.dataset_id, events=events).execute()
    assert (answer.events_received, answer.messages) == (2, [])
    theirs = advertiser.received[2:]
    assert theirs == ours
    told = advertiser.datasets.of(advertiser.dataset_id)
    assert [one.is_repeated for one in told] == [False, False, True, True]
    first, second = advertiser.meta.calls("/events")
    assert {type(one) for one in json.loads(first.form["data"])} == {dict}
    assert {type(one) for one in json.loads(second.form["data"])} == {str}
    assert advertiser.token in second.args.values(), "the SDK puts it into the address; we do not"


def test_we_speak_the_version_that_the_sdk_does(advertiser: Advertiser):
    assert advertiser.settings.facebook_graph_version == FacebookAdsApi.API_VERSION
    assert FacebookAdsApi.API_VERSION in repr(Graph(advertiser.settings))
