"""Every problem is explained, complete and safe to show; every page keeps the strict policy."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import lbs
from lbs.app import create_app
from lbs.errors import LbsError
from lbs.http.pages import SERVED, explain, problem_kinds
from tests.world import World

LEAVES = sorted(problem_kinds(), key=lambda kind: kind.code)
HTTP = ("bad-request", "not-found", "method-not-allowed", "precondition-required")
NOBODY = uuid.UUID(int=0)
PAGES = [
    "/",
    "/docs",
    "/openapi.json",
    "/livez",
    "/readyz",
    "/metrics",
    "/problems/bad-token",
    "/problems/nonsense",
    "/.well-known/jwks.json",
    "/static/docs.js",
    "/static/pages.css",
    f"/kiosk/{NOBODY}",
    f"/tap/{NOBODY}",
    "/proofs/static/kiosk.js",
    "/nowhere",
    *(f"/docs/{file}" for file in sorted(SERVED)),
]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.code)
def test_a_problem_has_a_code_a_title_a_status_and_a_page(
    kind: type[LbsError], client: FlaskClient
):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
    assert kind.title
    assert not kind.title.endswith(".")
    assert 400 <= kind.status < 600
    assert kind.__dict__.get("__doc__"), "the docstring is the page"
    title, code, status, paragraphs = explain(kind)
    assert all(len(paragraph) > 20 for paragraph in paragraphs)
    page = client.get(f"/problems/{code}")
    assert page.status_code == 200
    assert page.content_type == "text/html; charset=utf-8"
    text = page.text.replace("&#39;", "'").replace("&#34;", '"')
    assert title in text
    assert str(status) in text
    assert paragraphs[0].split("`")[0] in text


def test_no_two_problems_share_a_code():
    codes = [kind.code for kind in LEAVES]
    assert len(codes) == len(set(codes))
    assert len(codes) > 20


@pytest.mark.parametrize("code", [*HTTP, "unprocessable-entity", "internal-server-error"])
def test_a_problem_of_http_alone_has_a_page_too(client: FlaskClient, code: str):
    assert client.get(f"/problems/{code}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/nowhere", 404, "not-found"),
        ("get", "/v1/nowhere", 404, "not-found"),
        ("get", "/v1/venues/not-an-id", 404, "not-found"),
        ("get", "/v1/venues/%00", 404, "not-found"),
        ("get", "/docs/secret.txt", 404, "not-found"),
        ("get", "/docs/..%2f..%2fetc%2fpasswd", 404, "not-found"),
        ("get", "/static/../api.py", 404, "not-found"),
        ("get", "/problems/nonsense", 404, "not-found"),
        ("put", "/v1/venues", 405, "method-not-allowed"),
        ("post", "/livez", 405, "method-not-allowed"),
        ("get", "/v1/venues", 401, "bad-token"),
    ],
)
def test_what_is_refused_is_a_problem_document(client, method, path, status, code):
    response = client.open(path, method=method.upper())
    assert_problem(response, status, code)


def assert_problem(response: Any, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    problem = response.json
    assert {"type", "title", "status", "code", "request_id"} <= problem.keys()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"].endswith(f"/problems/{code}")
    assert problem["request_id"] == response.headers["X-Request-ID"]


def test_the_page_that_a_problem_points_at_is_there(world: World):
    response = world.call("get", f"/v1/venues/{uuid.uuid4()}", world.key)
    assert_problem(response, 404, "venue-not-found")
    address = response.json["type"].removeprefix("http://127.0.0.1:8080")
    assert world.client.get(address).status_code == 200


def test_a_method_that_is_not_allowed_is_told_which_are(client: FlaskClient):
    response = client.put("/v1/venues")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_a_crash_is_a_problem_that_says_nothing_of_its_cause(settings, client: FlaskClient):
    app = create_app(settings)
    app.add_url_rule("/v1/crash", view_func=_crash)
    response = app.test_client().get("/v1/crash")
    assert_problem(response, 500, "internal-server-error")
    assert "secret" not in response.text
    assert client.get("/problems/internal-server-error").status_code == 200


def _crash() -> None:
    raise RuntimeError("secret 4711")


@pytest.mark.parametrize("asked", ["abc", "A.b_c-9", "x" * 64])
def test_a_request_id_is_echoed(client: FlaskClient, asked: str):
    response = client.get("/nowhere", headers={"X-Request-ID": asked})
    assert response.headers["X-Request-ID"] == asked
    assert response.json["request_id"] == asked


@pytest.mark.parametrize(
    "asked",
    ["", "x" * 65, "a b", "a\tb", "<script>", '{"a":1}', "a;b", "æ", "a/b", "%0d%0aSet-X: 1"],
)
def test_a_hostile_request_id_is_not_taken(client: FlaskClient, asked: str):
    response = client.get("/nowhere", headers={"X-Request-ID": asked})
    given = response.headers["X-Request-ID"]
    assert given != asked
    assert uuid.UUID(given).version == 7


@pytest.mark.parametrize("path", PAGES)
def test_one_strict_policy_holds_on_every_page(client: FlaskClient, path: str):
    headers = client.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    for directive in ("base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert directive in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Request-ID"]


def at_the_door(world: World, venue: dict[str, Any]) -> tuple[str, str]:
    """The path of a poster, and the key of a kiosk."""
    path = f"/v1/venues/{venue['id']}/proofs"
    poster, kiosk = (
        world.ask("post", path, json={"kind": kind, "name": kind})
        for kind in ("poster_code", "venue_code")
    )
    return f"{path}/{poster['id']}/poster", kiosk["token"]


def test_the_policy_holds_on_the_interface_as_well(world: World):
    venue = world.venue()
    poster, kiosk = at_the_door(world, venue)
    policies = {
        world.call(method, path, token).headers["Content-Security-Policy"]
        for method, path, token in (
            ("get", "/v1/venues", world.key),
            ("get", f"/v1/venues/{venue['id']}", world.key),
            ("get", "/v1/venues", None),
            ("get", "/v1/unlocks", world.customer()),
            ("get", poster, world.key),
            ("get", "/v1/kiosk/codes", kiosk),
        )
    }
    assert len(policies) == 1


def test_answers_of_the_interface_are_not_to_be_stored(world: World):
    poster, kiosk = at_the_door(world, world.venue())
    for path, token in (
        ("/v1/venues", world.key),
        ("/v1/venues", None),
        (poster, world.key),
        ("/v1/kiosk/codes", kiosk),
    ):
        assert world.call("get", path, token).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/docs", "/problems/bad-token", f"/kiosk/{NOBODY}", f"/tap/{NOBODY}"]
)
def test_a_page_has_no_inline_script_or_style_and_names_no_outside_address(client, path):
    text = client.get(path).text
    assert_clean(text)
    for address in re.findall(r"""(?:src|href)=["']([^"']+)""", text):
        assert address.startswith("/")
        assert not address.startswith("//")
        assert client.get(address, buffered=True).status_code == 200


def test_our_templates_have_no_inline_script_or_style():
    templates = sorted(Path(lbs.__file__).parent.glob("*/templates/*"))
    assert {"docs.html", "kiosk.html", "poster.html", "tap.html"} <= {
        template.name for template in templates
    }
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert_clean(text.replace(BY_HASH.get(template.name, ""), ""))


BY_HASH = {
    "report.html": "<style>{{ style | safe }}</style>",
    "share.html": "<style>{{ style }}</style>",
}
"""The report is saved as one file, a shared page has its merchant's colour: their policies allow
their styles by the hash.
"""


def assert_clean(text: str) -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<script[^>]*>[^<]+</script>", text)
    assert "<style" not in text
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son\w+=", text)
    assert "javascript:" not in text
    assert not re.search(r"https?://", text)


def test_the_script_of_the_docs_asks_nobody_else(client: FlaskClient):
    text = client.get("/static/docs.js", buffered=True).text
    assert "validatorUrl: null" in text
    assert "http" not in text
