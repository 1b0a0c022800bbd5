"""Deauthorisation and data deletion: what Facebook asks for is done, once, and shown to anybody."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from prometheus_client import REGISTRY
from sqlalchemy import text

from lbs.facebook_login import service
from lbs.facebook_login.policy import SignedRequest, read_callback
from lbs.graph.errors import BadSignature
from lbs.graph.signing import read_signed_request
from tests.facebook.test_login import customer_of, links, person, sign_in
from tests.live import serving
from tests.meta_standin.login import callback_of, give_user_token, send_callback, sign_request
from tests.meta_standin.server import Meta
from tests.racing import at_once
from tests.world import World, now

DEAUTHORISE, DELETE = "/webhooks/facebook/deauthorize", "/webhooks/facebook/data-deletion"
REFUSED = "facebook-signature-invalid"
VECTOR = (
    "N32LNcvDGXq0GI1jxm-tj1ysJh2uqkNIBcUhUmTp19k.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImV4cGlyZXMi"
    "OjEyOTE4NDA0MDAsImlzc3VlZF9hdCI6MTI5MTgzNjgwMCwidXNlcl9pZCI6IjIxODQ3MSJ9"
)


@pytest.fixture
def world(facebook_world: World) -> World:
    return facebook_world


def call(world: World, path: str, form: Any) -> Any:
    return world.app.test_client().post(path, data=form)


def counted(callback: str) -> float:
    found = REGISTRY.get_sample_value("lbs_facebook_refused_total", {"callback": callback})
    return found or 0


def linked(world: World, meta: Meta, user: str) -> str:
    return customer_of(sign_in(world, access_token=give_user_token(meta, user)))


def page_jobs(world: World, page_id: str) -> int:
    query = text("""SELECT count(*) FROM procrastinate_jobs
                    WHERE task_name = 'end_facebook_page' AND args->>'page_id' = :page_id""")
    with world.db.transaction() as session:
        return session.scalar(query, {"page_id": page_id}) or 0


def rows(world: World, code: str) -> list[Any]:
    query = text("SELECT * FROM facebook_deletion WHERE code = :code")
    with world.db.transaction() as session:
        return list(session.execute(query, {"code": code}))


@pytest.mark.parametrize(
    ("said", "request_"),
    [
        ({"user_id": "218471", "issued_at": 7}, SignedRequest("218471", 7, None)),
        ({"user_id": 218471}, SignedRequest("218471", None, None)),
        ({"user_id": "218471", "issued_at": "7"}, SignedRequest("218471", None, None)),
        ({"user_id": "218471", "issued_at": 10**30}, SignedRequest("218471", None, None)),
        ({"user_id": "1", "profile_id": "2"}, SignedRequest("1", None, None)),
        ({"user_id": "0", "profile_id": "2"}, SignedRequest("0", None, "2")),
        ({"user_id": 0, "profile_id": 2}, SignedRequest("0", None, "2")),
        ({"user_id": "0"}, None),
        ({"user_id": ""}, None),
        ({"user_id": "a b"}, None),
        ({"user_id": None}, None),
        ({"profile_id": "2"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_whom_a_callback_is_about(said: dict[str, Any], request_: SignedRequest | None):
    assert read_callback(said) == request_


def test_the_vector_of_the_documentation_is_carried_out(world: World):
    answer = call(world, DELETE, {"signed_request": VECTOR})
    assert answer.status_code == 200
    assert set(answer.json) == {"url", "confirmation_code"}
    assert re.fullmatch("[0-9A-Z]{20}", answer.json["confirmation_code"])
    again = call(world, DELETE, {"signed_request": VECTOR})
    assert again.json == answer.json


def test_who_deauthorises_is_linked_no_more_and_stays_a_customer(world: World, meta: Meta):
    user = person()
    first = linked(world, meta, user)
    other_app = World(world.app)
    second = linked(other_app, meta, user)
    bystander = linked(world, meta, person())
    answer = call(world, DEAUTHORISE, callback_of(meta, user))
    assert (answer.status_code, answer.data) == (200, b"")
    assert [links(world, one) for one in (first, second, bystander)] == [0, 0, 1]
    assert linked(world, meta, user) != first


@pytest.mark.parametrize("path", [DEAUTHORISE, DELETE])
def test_a_number_is_the_same_person_as_a_text(world: World, meta: Meta, path: str):
    user = person()
    first = linked(world, meta, user)
    assert call(world, path, callback_of(meta, int(user))).status_code == 200
    assert links(world, first) == 0


@pytest.mark.parametrize("path", [DEAUTHORISE, DELETE])
def test_a_page_that_has_removed_the_app_is_handed_on(world: World, meta: Meta, path: str):
    page_id = person()
    answer = call(world, path, callback_of(meta, "0", profile_id=page_id))
    assert answer.status_code == 200
    assert page_jobs(world, page_id) == 1


@pytest.mark.parametrize("path", [DEAUTHORISE, DELETE])
def test_old_requests_are_carried_out_too(world: World, meta: Meta, path: str):
    user = person()
    first = linked(world, meta, user)
    assert call(world, path, callback_of(meta, user, issued_at=1_291_836_800)).status_code == 200
    assert links(world, first) == 0


def bad_forms(meta: Meta) -> dict[str, Any]:
    said = {"algorithm": "HMAC-SHA256", "user_id": "218471", "issued_at": 7}
    good, other = sign_request("appsecret", said), sign_request("appsecret", {**said, "user_id": 1})
    signature, payload = good.split(".")
    return {
        "of another secret": sign_request("other", said),
        "with another's payload": f"{signature}.{other.split('.')[1]}",
        "of algorithm none": sign_request("appsecret", {**said, "algorithm": "none"}),
        "of no algorithm": sign_request("appsecret", {"user_id": "218471"}),
        "of three parts": f"{good}.x",
        "of one part": payload,
        "with no signature": f".{payload}",
        "not ASCII": f"{signature}.{payload}ø",
        "not base64": f"{signature}.!!!!",
        "too long": sign_request("appsecret", {**said, "x": "x" * 8192}),
        "of a list": sign_request("appsecret", [1]),
        "of nobody": sign_request("appsecret", {"algorithm": "HMAC-SHA256"}),
        "empty": "",
    }


@pytest.mark.parametrize(
    ("path", "callback"), [(DEAUTHORISE, "deauthorise"), (DELETE, "data_deletion")]
)
def test_what_facebook_has_not_signed_is_refused_and_only_counted(
    world: World, meta: Meta, path: str, callback: str, capsys
):
    user = "218471"
    first = linked(world, meta, user)
    forms = [{"signed_request": bad} for bad in bad_forms(meta).values()]
    forms += [{}, {"signed_requests": VECTOR}]
    before = counted(callback)
    for form in forms:
        answer = call(world, path, form)
        assert (answer.status_code, answer.json["code"]) == (401, REFUSED), form
    assert counted(callback) == before + len(forms)
    assert links(world, first) == 1
    logged = capsys.readouterr()
    assert user not in logged.out + logged.err


def test_padding_does_not_matter(world: World, meta: Meta):
    said = {"algorithm": "hmac-sha256", "user_id": person(), "issued_at": 7, "x": "ÆØÅ"}
    padded, bare = (sign_request("appsecret", said, padded=wanted) for wanted in (True, False))
    assert padded != bare
    codes = {
        call(world, DELETE, {"signed_request": one}).json["confirmation_code"]
        for one in (padded, bare)
    }
    assert len(codes) == 1


def test_the_same_request_has_the_same_code_and_is_carried_out_again(world: World, meta: Meta):
    user = person()
    form = callback_of(meta, user, issued_at=1_700_000_000)
    codes = set()
    for _ in range(2):
        customer = linked(world, meta, user)
        codes.add(call(world, DELETE, form).json["confirmation_code"])
        assert links(world, customer) == 0
    [code] = codes
    assert len(rows(world, code)) == 1
    later = call(world, DELETE, callback_of(meta, user, issued_at=1_700_000_001)).json
    another = call(world, DELETE, callback_of(meta, person(), issued_at=1_700_000_000)).json
    nothing = [call(world, DELETE, callback_of(meta, user, issued_at=None)).json for _ in range(2)]
    assert nothing[0] == nothing[1]
    seen = {code, *(one["confirmation_code"] for one in (later, another, nothing[0]))}
    assert len(seen) == 4


def test_the_same_request_ten_times_at_once_has_one_code(world: World, meta: Meta):
    user = person()
    first, form = linked(world, meta, user), callback_of(meta, user)
    answers = at_once([lambda: call(world, DELETE, form)] * 10)
    assert [answer.status_code for answer in answers] == [200] * 10
    [code] = {answer.json["confirmation_code"] for answer in answers}
    assert len(rows(world, code)) == 1
    assert links(world, first) == 0


def test_nothing_that_is_kept_of_a_deletion_tells_whose_it_was(world: World, meta: Meta):
    user = person()
    code = call(world, DELETE, callback_of(meta, user)).json["confirmation_code"]
    [row] = rows(world, code)
    assert set(row._asdict()) == {"code", "request_digest", "done_at"}
    assert user not in str(row)


def test_anybody_with_the_code_reads_what_was_done(world: World, meta: Meta):
    user = person()
    linked(world, meta, user)
    answer = call(world, DELETE, callback_of(meta, user)).json
    public_url = world.app.extensions["lbs_settings"].public_url
    assert answer["url"] == f"{public_url}/privacy/facebook-deletion/{answer['confirmation_code']}"
    path = answer["url"].removeprefix(public_url)
    client = world.app.test_client()
    for lang, words in (("en", "has been deleted"), ("da", "er slettet")):
        seen = client.get(path, headers={"Accept-Language": lang})
        assert (seen.status_code, seen.headers["Content-Language"]) == (200, lang)
        assert words in seen.text
        assert answer["confirmation_code"] in seen.text
        assert user not in seen.text
        assert seen.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert (seen.headers["Cache-Control"], seen.headers["Vary"]) == (
            "no-store",
            "Accept-Language",
        )
        assert "<script" not in seen.text
        assert not re.search("style=|https?://", seen.text)
        assert "Set-Cookie" not in seen.headers
    typed = client.get(f"/privacy/facebook-deletion/{answer['confirmation_code'].lower()}")
    assert typed.status_code == 200


@pytest.mark.parametrize("code", ["0" * 20, "x", "<script>", "%00", "é", "a" * 5000])
def test_a_code_of_nothing_says_nothing(world: World, code: str):
    seen = world.app.test_client().get(f"/privacy/facebook-deletion/{code}")
    assert seen.status_code == 404
    assert "<script" not in seen.text
    assert "Confirmation code" not in seen.text


def test_codes_are_forgotten_after_a_year(world: World, meta: Meta):
    code = call(world, DELETE, callback_of(meta, person())).json["confirmation_code"]
    for days, kept in ((364, 1), (366, 0)):
        with time_machine.travel(now() + timedelta(days=days)):
            with world.db.transaction() as session:
                service.forget_old(session, now())
            assert len(rows(world, code)) == kept


def test_it_is_off_where_there_is_no_app(world_without_facebook: World, meta: Meta):
    for path in (DEAUTHORISE, DELETE):
        answer = call(world_without_facebook, path, callback_of(meta, "1"))
        assert (answer.status_code, answer.json["code"]) == (503, "facebook-not-configured")


def test_a_body_that_is_far_too_long_is_not_read(world: World):
    answer = call(world, DELETE, {"signed_request": "x" * 100_000})
    assert answer.status_code == 413


def test_the_stand_in_signs_as_the_vectors_do(meta: Meta):
    said = {"algorithm": "HMAC-SHA256", "expires": 1291840400, "issued_at": 1291836800}
    said |= {"user_id": "218471"}
    assert sign_request(meta.app_secret, said) == VECTOR
    assert read_signed_request(VECTOR, meta.app_secret) == said
    with pytest.raises(BadSignature):
        read_signed_request(VECTOR, "secret")


def test_the_stand_in_calls_back_over_the_network(meta: Meta, facebook_settings):
    with serving(facebook_settings) as address:
        for path in (DELETE, DEAUTHORISE):
            assert send_callback(meta, f"{address}{path}", person()).status_code == 200
