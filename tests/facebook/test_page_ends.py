"""A Page removes the app: its merchant is asked to connect it again, and nobody else is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.exports.making import Worker, working
from tests.facebook.posting import PageOwner
from tests.meta_standin.login import callback_of

DEAUTHORISE = "/webhooks/facebook/deauthorize"
AN_HOUR_AGO = -3600


@pytest.fixture
def worker(owner: PageOwner) -> Iterator[Worker]:
    with working(owner.world.db, owner.settings) as worker:
        yield worker


def remove_app(owner: PageOwner, worker: Worker, page_id: str, after_s: int = 0) -> None:
    """Facebook says so; the second in which it was signed lies so far from now."""
    signed_at = int(time.time()) + after_s
    form = callback_of(owner.meta, "0", profile_id=page_id, issued_at=signed_at)
    assert owner.world.client.post(DEAUTHORISE, data=form).status_code == 200
    worker.run()


def notices(owner: PageOwner) -> list[str]:
    return [one["kind"] for one in owner.world.ask("get", "/v1/notices")["items"]]


def test_its_merchant_is_asked_to_connect_it_again_once(owner: PageOwner, worker: Worker):
    for _ in range(2):
        remove_app(owner, worker, owner.page.id)
        assert owner.read_page()["status"] == "reauth_required"
    assert notices(owner) == ["facebook_page_reauth_required"]
    assert owner.connect()["status"] == "connected"


def test_a_token_that_was_given_later_is_not_ended(owner: PageOwner, worker: Worker):
    remove_app(owner, worker, owner.page.id, AN_HOUR_AGO)
    assert owner.read_page()["status"] == "connected"


def test_another_page_stays_connected(owner: PageOwner, worker: Worker):
    remove_app(owner, worker, "104000000000001")
    assert owner.read_page()["status"] == "connected"
    assert notices(owner) == []
