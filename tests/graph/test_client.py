"""The client against a real server that behaves as badly as it can."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from lbs.config import Settings
from lbs.graph.client import MAX_ANSWER_BYTES, Graph
from lbs.graph.errors import FacebookNotConfigured, GraphError
from lbs.graph.policy import Action, Usage
from lbs.vault import new_key
from tests.webhooks.receiver import (
    Behaviour,
    Receiver,
    after,
    answer,
    cut_off,
    drip,
    giant,
    hang_up,
    receiving,
)

TOKEN, SECRET = "TOK", "appsecret"
PROOF = "49effd94840d64ebd5feada5e45c424983217d0b05972e073ded89f9979fcdb7"


def settings_for(address: str) -> Settings:
    return Settings(
        database_url="postgresql+psycopg://",
        secrets_key=(new_key(),),
        facebook_app_id="123",
        facebook_app_secret=SECRET,
        facebook_graph_url=address,
    )


@contextmanager
def meeting(*behaviours: Behaviour) -> Iterator[tuple[Graph, Receiver]]:
    with receiving() as receiver:
        receiver.answers(*behaviours)
        yield Graph(settings_for(receiver.address), timeout_s=0.3), receiver


def failure(call: Callable[[], object]) -> GraphError:
    with pytest.raises(GraphError) as caught:
        call()
    return caught.value


def told_of(call: Callable[[], object]) -> str:
    """All that an error of the call could tell, if there is one."""
    try:
        call()
    except GraphError as error:
        return "".join(traceback.format_exception(error)) + repr(vars(error))
    return ""


OK = answer(200, b'{"id":"1_2"}', X_App_Usage='{"call_count":81}')


def test_a_post_carries_token_and_proof_in_its_body_alone():
    with meeting(OK) as (graph, receiver):
        came = graph.call("POST", "1/feed", TOKEN, {"message": "Hej æøå", "published": False})
    [one] = receiver.received
    assert one.path == "/v26.0/1/feed"
    assert parse_qs(one.body.decode()) == {
        "message": ["Hej æøå"],
        "published": ["false"],
        "access_token": [TOKEN],
        "appsecret_proof": [PROOF],
    }
    assert came.body == {"id": "1_2"}
    assert came.usage == Usage(81)


def test_a_get_has_its_fields_in_the_query():
    with meeting(OK) as (graph, receiver):
        graph.call("GET", "me/accounts", TOKEN, {"fields": "id,name", "limit": 5})
    query = parse_qs(receiver.received[0].path.partition("?")[2])
    assert query == {
        "fields": ["id,name"],
        "limit": ["5"],
        "access_token": [TOKEN],
        "appsecret_proof": [PROOF],
    }


def test_the_app_has_a_token_and_credentials():
    graph = Graph(settings_for("https://graph.example"))
    assert graph.app_token == "123|appsecret"
    assert graph.credentials == {"client_id": "123", "client_secret": SECRET}


@pytest.mark.parametrize("lacking", ["facebook_app_id", "facebook_app_secret"])
def test_without_an_app_there_is_no_client(lacking):
    with pytest.raises(FacebookNotConfigured):
        Graph(replace(settings_for("https://graph.example"), **{lacking: ""}))


@pytest.mark.parametrize(
    "path", ["../1", "1/feed?x=1", "1//feed", "/1", "1/", "http://x", "1#", "1 "]
)
def test_a_path_leads_nowhere_else(path):
    with pytest.raises(ValueError, match="no path"):
        Graph(settings_for("http://127.0.0.1:9")).call("GET", path, TOKEN)


UNKNOWN = [
    pytest.param(hang_up, id="hangs up"),
    pytest.param(cut_off, id="cut off"),
    pytest.param(giant, id="giant"),
    pytest.param(after(1.0, OK), id="late"),
    pytest.param(drip(30), id="drips"),
    pytest.param(answer(200, b'{"id":"1_'), id="half a document"),
    pytest.param(answer(200, b"true"), id="no object"),
    pytest.param(answer(200, b"[" * 100_000), id="deep"),
    pytest.param(answer(200, b"\xff\xfe"), id="no text"),
    pytest.param(answer(200, b'"' + b"x" * MAX_ANSWER_BYTES + b'"'), id="too long"),
    pytest.param(answer(503, b"<html>"), id="down"),
    pytest.param(answer(400, b"<html>"), id="a refusal that cannot be read"),
    pytest.param(answer(500, b'{"error":{"code":1}}'), id="unknown error"),
    pytest.param(answer(500, b'{"error":"?"}'), id="no error object"),
    pytest.param(answer(302, b"", Location="http://127.0.0.1:9/"), id="redirect"),
]


@pytest.mark.parametrize("behaviour", UNKNOWN)
def test_what_may_have_been_carried_out_is_to_be_tried_again(behaviour):
    with meeting(behaviour) as (graph, receiver):
        error = failure(lambda: graph.call("POST", "1/feed", TOKEN, {"message": "x"}))
        assert error.action is Action.RETRY
        assert len(receiver.received) == 1


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"error":"?"}', b"{}"])
def test_too_many_calls_are_to_pause_whatever_else_is_said(body):
    with meeting(answer(429, body, X_App_Usage='{"call_count":100}')) as (graph, _):
        error = failure(lambda: graph.call("POST", "1/feed", TOKEN, {"message": "x"}))
    assert (error.action, error.usage) == (Action.PAUSE, Usage(100))


def test_who_is_not_there_is_to_be_tried_again():
    with receiving() as gone:
        address = gone.address
    error = failure(lambda: Graph(settings_for(address)).call("GET", "me", TOKEN))
    assert (error.action, error.problem) == (Action.RETRY, "unreachable")


def test_an_error_is_told_by_its_codes_and_never_in_metas_words():
    body = b"""{"error":{"message":"Malformed access token TOK","type":"OAuthException",
        "code":190,"error_subcode":460,"fbtrace_id":"Az8-or2yhqkZfEZ_a"}}"""
    usage = {"X_Business_Use_Case_Usage": '{"1":[{"estimated_time_to_regain_access":4}]}'}
    with meeting(answer(400, body, **usage)) as (graph, _):
        error = failure(lambda: graph.call("GET", "me", TOKEN))
    assert error.action is Action.REAUTHORISE
    assert (error.code, error.subcode, error.trace_id) == (190, 460, "Az8-or2yhqkZfEZ_a")
    assert error.usage.regain == timedelta(minutes=4)
    assert TOKEN not in f"{error} {error!r} {error.__dict__}"


@pytest.mark.parametrize("trace", ["TOK TOK", 7, None, "x" * 65, ["x"], ""])
def test_a_trace_id_is_one_or_none(trace):
    body = b'{"error":{"code":100,"fbtrace_id":%s}}' % json.dumps(trace).encode()
    with meeting(answer(400, body)) as (graph, _):
        error = failure(lambda: graph.call("GET", "me", TOKEN))
    assert error.trace_id in (None, "7")


def test_a_success_with_an_error_in_it_is_none():
    with meeting(answer(200, b'{"error":{"code":368}}')) as (graph, _):
        assert failure(lambda: graph.call("GET", "me", TOKEN)).action is Action.BLOCKED


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "behaviour",
    [OK, hang_up, cut_off, after(1.0, OK), answer(400, b"{}")],
    ids=["good", "hangs up", "cut off", "late", "refused"],
)
def test_no_secret_reaches_logs_or_errors(caplog, method, behaviour):
    with caplog.at_level(logging.DEBUG), meeting(behaviour) as (graph, _):
        told = repr(graph) + told_of(lambda: graph.call(method, "me", TOKEN, graph.credentials))
    assert [secret for secret in (f"={TOKEN}", SECRET, PROOF) if secret in told + caplog.text] == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with receiving() as proxy, meeting(OK) as (graph, receiver):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.address)
        graph.call("GET", "me", TOKEN)
        assert (len(proxy.received), len(receiver.received)) == (0, 1)
