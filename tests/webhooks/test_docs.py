"""The receiver that the documentation shows does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from lbs.db import new_id
from lbs.webhooks.policy import EVENT_TYPES, TEST, body_of, headers_of, make_secret
from tests.world import now

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET = make_secret(b"k" * 32)


def test_the_receiver_verifies_takes_each_message_once_and_refuses_others(
    capsys: pytest.CaptureFixture[str],
):
    [source] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in source.splitlines() if line.strip()]) == 10
    shown: dict[str, Any] = {"__name__": "receiver"}
    exec(source.replace("whsec_...", SECRET), shown)
    client = shown["app"].test_client()
    body = body_of("offer.taken", now(), {"name": "Øl"})
    headers = headers_of(new_id(), body, [SECRET], now())
    for _ in range(2):
        assert client.post("/hooks/lbs", data=body.encode(), headers=headers).status_code == 204
    assert capsys.readouterr().out == "offer.taken {'name': 'Øl'}\n"
    shown["app"].testing = True
    with pytest.raises(WebhookVerificationError):
        client.post("/hooks/lbs", data=body.encode() + b" ", headers=headers)


def test_every_type_of_message_is_described():
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`(?:,| \|)", PAGE)) == {*EVENT_TYPES, TEST}
