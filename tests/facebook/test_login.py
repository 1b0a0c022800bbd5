"""Signing in with Facebook: whom it vouches for, and everything that it does not."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from sqlalchemy import text

from lbs.app import create_app
from lbs.facebook_login.auth import KEYS_APART_S
from lbs.facebook_login.policy import user_of
from lbs.vault import new_key
from tests.meta_standin.login import Login, give_user_token, mint_id_token
from tests.meta_standin.server import Meta
from tests.racing import at_once
from tests.world import World, now

PATH, LINK = "/v1/auth/facebook", "/v1/customers/me/facebook"
REFUSED = (401, "facebook-token-refused")
UNAVAILABLE = (503, "facebook-unavailable")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
GOOD = {
    "app_id": "1",
    "type": "USER",
    "is_valid": True,
    "expires_at": 0,
    "data_access_expires_at": 0,
    "user_id": "42",
}


def sign_in(world: World, device: str = "", key: str = "", headers: Any = None, **body: Any) -> Any:
    body = {"device_id": device or str(uuid.uuid4()), **body}
    return world.call("post", PATH, key or world.publishable_key, json=body, headers=headers or {})


def person() -> str:
    """Somebody whom no other test knows."""
    return str(uuid.uuid4().int % 10**17)


def said(response: Any) -> tuple[int, str]:
    return response.status_code, response.json["code"]


def customer_of(response: Any) -> str:
    assert response.status_code == 201, response.text
    return str(response.json["customer_id"])


def links(world: World, customer_id: str) -> int:
    query = text("SELECT count(*) FROM facebook_user_link WHERE customer_id = :id")
    with world.db.transaction() as session:
        return session.scalar(query, {"id": customer_id}) or 0


def customers(world: World) -> int:
    query = text("SELECT count(*) FROM customer WHERE app_id = :id")
    with world.db.transaction() as session:
        return session.scalar(query, {"id": world.app_id}) or 0


@pytest.fixture
def world(facebook_world: World) -> World:
    return facebook_world


@pytest.mark.parametrize(
    ("members", "user"),
    [
        ({}, "42"),
        ({"user_id": 42}, "42"),
        ({"expires_at": NOON.timestamp() // 1 + 1}, None),  # a float: not what Facebook says
        ({"expires_at": int(NOON.timestamp()) + 1}, "42"),
        ({"expires_at": int(NOON.timestamp())}, None),
        ({"expires_at": None}, None),
        ({"data_access_expires_at": int(NOON.timestamp()) - 1}, None),
        ({"data_access_expires_at": None}, None),
        ({"is_valid": False}, None),
        ({"is_valid": 1}, None),
        ({"app_id": "2"}, None),
        ({"app_id": None}, None),
        ({"type": "PAGE"}, None),
        ({"type": "SYSTEM_USER"}, None),
        ({"type": "APP"}, None),
        ({"user_id": None}, None),
        ({"user_id": ""}, None),
        ({"user_id": True}, None),
        ({"user_id": "4 2"}, None),
    ],
)
def test_what_debug_token_says_has_to_be_all_good(members: dict[str, Any], user: str | None):
    assert user_of({**GOOD, **members}, "1", NOON) == user


def test_a_person_comes_for_the_first_time_and_is_the_same_customer_after(world: World, meta: Meta):
    token = give_user_token(meta, user := person())
    first = sign_in(world, access_token=token)
    again = sign_in(world, access_token=give_user_token(meta, user))
    assert customer_of(first) == customer_of(again)
    for response in (first, again):
        me = world.ask("get", "/v1/customers/me", response.json["access_token"])
        assert me == {"id": customer_of(first), "app_id": str(world.app_id)}
        assert set(response.json) == set(world.register())
    refreshed = world.ask("post", "/v1/tokens", first.json["refresh_token"])
    assert refreshed["customer_id"] == customer_of(first)


def test_facebook_is_asked_with_proof_and_for_nothing_that_is_not_needed(world: World, meta: Meta):
    token = give_user_token(meta, person())
    customer_of(sign_in(world, access_token=token))
    asked, me = meta.calls("/debug_token")[-1], meta.calls("/me")[-1]
    assert (asked.args["input_token"], asked.args["access_token"]) == (token, meta.app_token)
    assert (me.args["fields"], me.args["access_token"]) == ("id", token)
    assert all(call.args["appsecret_proof"] for call in (asked, me))


def test_limited_login_is_the_same_person(world: World, meta: Meta):
    user = person()
    first = sign_in(world, access_token=give_user_token(meta, user))
    limited = sign_in(world, id_token=mint_id_token(meta, user, "n-1"), nonce="n-1")
    assert customer_of(limited) == customer_of(first)


def test_another_app_of_ours_has_customers_of_its_own(world: World, meta: Meta):
    user = person()
    other = World(world.app)
    mine = customer_of(sign_in(world, access_token=give_user_token(meta, user)))
    theirs = customer_of(sign_in(other, access_token=give_user_token(meta, user)))
    assert mine != theirs


@pytest.mark.parametrize(
    "members",
    [
        {"app_id": "999"},
        {"kind": "PAGE"},
        {"kind": "APP"},
        {"kind": "SYSTEM_USER"},
        {"expires_at": int(time.time()) - 1},
        {"data_access_expires_at": int(time.time()) - 1},
        {"dead": 460},
        {"user_id": ""},
        {"subject_id": "7"},  # /me is somebody else
    ],
)
def test_a_token_that_is_not_good_is_refused(world: World, meta: Meta, members: dict[str, Any]):
    token = give_user_token(meta, person(), **members)
    before = customers(world)
    assert said(sign_in(world, access_token=token)) == REFUSED
    assert customers(world) == before


def test_a_made_up_token_is_refused(world: World):
    assert said(sign_in(world, access_token="made up")) == REFUSED


def test_a_token_that_dies_between_the_two_questions_is_refused(world: World, meta: Meta):
    token = give_user_token(meta, person())
    meta.fail("/me", code=190, subcode=463, status=401)
    assert said(sign_in(world, access_token=token)) == REFUSED


@pytest.mark.parametrize("path", ["/debug_token", "/me"])
@pytest.mark.parametrize(
    "fault",
    [
        {"code": 1},
        {"code": 2},
        {"code": 4},
        {"code": 17},
        {"code": 613},
        {"status": 500},
        {"status": 502},
        {"truncated": True},
        {"status": 200, "instead": True},
        {"hold": 6, "instead": True},
    ],
    ids=str,
)
def test_when_facebook_does_not_answer_that_is_not_the_customers_fault(
    world: World, meta: Meta, path: str, fault: dict[str, Any]
):
    token = give_user_token(meta, person())
    meta.fail(path, **fault)
    response = sign_in(world, access_token=token)
    assert said(response) == UNAVAILABLE
    assert int(response.headers["Retry-After"]) >= 5
    assert customer_of(sign_in(world, access_token=token))


def test_when_our_own_app_token_is_bad_that_is_not_the_customers_fault(world: World, meta: Meta):
    meta.fail("/debug_token", code=190, status=401)
    assert said(sign_in(world, access_token=give_user_token(meta, person()))) == UNAVAILABLE


def test_when_facebook_is_gone_nothing_is_refused(world: World, meta: Meta, facebook_settings):
    gone = create_app(
        replace(
            facebook_settings,
            facebook_graph_url="http://127.0.0.1:9",
            facebook_jwks_url="http://127.0.0.1:9/jwks",
        )
    )
    there = World(gone)
    token, user = give_user_token(meta, person()), person()
    assert said(sign_in(there, access_token=token)) == UNAVAILABLE
    limited = {"id_token": mint_id_token(meta, user, "n"), "nonce": "n"}
    assert said(sign_in(there, **limited)) == UNAVAILABLE
    gone.extensions["lbs_database"].engine.dispose()


def _claims(**changes: Any) -> Any:
    return pytest.param(changes, id=str(changes))


@pytest.mark.parametrize(
    "claims",
    [
        _claims(aud="999"),
        _claims(aud=None),
        _claims(iss="https://facebook.com"),
        _claims(iss="https://limited.facebook.com"),
        _claims(iss=None),
        _claims(exp=1_700_000_000),
        _claims(exp=None),
        _claims(iat=4_000_000_000),
        _claims(nonce="other"),
        _claims(nonce=None),
        _claims(sub=None),
        _claims(sub=""),
    ],
)
def test_an_id_token_with_a_wrong_claim_is_refused(world: World, meta: Meta, claims: Any):
    token = mint_id_token(meta, person(), **{"nonce": "n", **claims})
    assert said(sign_in(world, id_token=token, nonce="n")) == REFUSED


def test_a_clock_that_is_a_little_off_does_no_harm(world: World, meta: Meta):
    token = mint_id_token(meta, person(), "n", exp=int(time.time()) - 5, iat=int(time.time()) + 5)
    assert customer_of(sign_in(world, id_token=token, nonce="n"))


def test_an_id_token_is_signed_by_facebook_and_in_no_other_way(world: World, meta: Meta):
    login, user = meta.state_of(Login), person()
    [kid] = login.keys
    claims = jwt.decode(mint_id_token(meta, user, "n"), options={"verify_signature": False})
    public = login.jwks["keys"][0]["n"]
    forged = {
        "by another key under the same name": mint_id_token(
            meta, user, "n", kid=kid, key=generate_private_key(65537, 2048)
        ),
        "by no key": jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
        "by the public key as a secret": jwt.encode(
            claims, public.encode(), algorithm="HS256", headers={"kid": kid}
        ),
        "by another algorithm": jwt.encode(
            claims, login.keys[kid], algorithm="RS384", headers={"kid": kid}
        ),
        "without a key's name": jwt.encode(claims, login.keys[kid], algorithm="RS256"),
        "with another text": mint_id_token(meta, user, "n")[:-4] + "AAAA",
        "of two parts": "a.b",
        "of nothing": "..",
    }
    for how, token in forged.items():
        world = World(world.app)  # with a key of its own, so that nobody has to wait
        assert said(sign_in(world, id_token=token, nonce="n")) == REFUSED, how
    assert customer_of(sign_in(world, id_token=mint_id_token(meta, user, "n"), nonce="n"))


def test_facebooks_keys_are_asked_for_once_and_a_new_one_is_found(world: World, meta: Meta):
    def asked() -> int:
        return len(meta.calls("/jwks/"))

    def limited() -> Any:
        return sign_in(world, id_token=mint_id_token(meta, person(), "n"), nonce="n")

    for _ in range(3):
        customer_of(limited())
    assert asked() == 1
    login = meta.state_of(Login)
    login.rotate()
    time.sleep(KEYS_APART_S + 0.1)
    customer_of(limited())
    assert asked() == 2
    made_up = mint_id_token(meta, person(), "n", kid="made-up", key=next(iter(login.keys.values())))
    for _ in range(3):
        assert said(sign_in(world, id_token=made_up, nonce="n")) == REFUSED
    assert asked() == 2, "who makes up names of keys has nobody ask for them each time"
    time.sleep(KEYS_APART_S + 0.1)
    meta.fail("/jwks/", status=500)
    assert said(sign_in(world, id_token=made_up, nonce="n")) == UNAVAILABLE
    customer_of(limited())


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"truncated": True}, {"status": 200, "instead": True}],
    ids=str,
)
def test_when_facebooks_keys_cannot_be_had_that_is_not_the_customers_fault(
    world: World, meta: Meta, fault: dict[str, Any]
):
    meta.fail("/jwks/", **fault)
    limited = {"id_token": mint_id_token(meta, person(), "n"), "nonce": "n"}
    assert said(sign_in(world, **limited)) == UNAVAILABLE
    assert customer_of(sign_in(world, **limited))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": "a", "id_token": "b", "nonce": "c"},
        {"id_token": "b"},
        {"access_token": "a", "nonce": "c"},
        {"access_token": ""},
        {"access_token": "a\0"},
        {"access_token": "x" * 8193},
        {"access_token": 7},
    ],
    ids=str,
)
def test_one_kind_of_token_has_to_be_there(world: World, body: dict[str, Any]):
    assert sign_in(world, **body).status_code == 422


def test_a_phone_is_needed_and_remembered(world: World, meta: Meta):
    token = give_user_token(meta, person())
    response = world.call("post", PATH, world.publishable_key, json={"access_token": token})
    assert response.status_code == 422
    query = text("SELECT count(*) FROM customer_device WHERE customer_id = :id")
    customer_id = customer_of(sign_in(world, device="phone-1", access_token=token))
    customer_of(sign_in(world, device="phone-2", access_token=token))
    with world.db.transaction() as session:
        assert session.scalar(query, {"id": customer_id}) == 2


def test_the_same_request_again_gets_the_same_tokens_and_asks_nobody(world: World, meta: Meta):
    token = give_user_token(meta, person())
    headers, device = {"Idempotency-Key": str(uuid.uuid4())}, str(uuid.uuid4())
    first = sign_in(world, device, headers=headers, access_token=token)
    asked = len(meta.log)
    meta.kill_tokens(463)
    again = sign_in(world, device, headers=headers, access_token=token)
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(meta.log) == asked
    other = sign_in(world, device, headers=headers, access_token="another")
    assert said(other) == (422, "idempotency-key-reused")
    missing = sign_in(world, device, headers={"Idempotency-Key": ""}, access_token=token)
    assert said(missing) == (400, "idempotency-key-needed")
    assert len(meta.log) == asked


def test_who_is_refused_too_often_is_not_asked_about_any_more(world: World, meta: Meta):
    limit = world.app.extensions["lbs_settings"].guess_limit
    for _ in range(limit):
        assert said(sign_in(world, access_token="made up")) == REFUSED
    asked, token = len(meta.log), give_user_token(meta, person())
    response = sign_in(world, access_token=token)
    assert said(response) == (429, "too-many-guesses")
    assert int(response.headers["Retry-After"]) > 0
    assert len(meta.log) == asked
    assert customer_of(sign_in(World(world.app), access_token=token))
    with time_machine.travel(now() + timedelta(minutes=11)):
        assert customer_of(sign_in(world, access_token=token))


def test_it_is_off_where_there_is_no_app(world_without_facebook: World, meta: Meta):
    off = world_without_facebook
    response = sign_in(off, access_token="x")
    assert said(response) == (503, "facebook-not-configured")
    token = off.customer()
    linked = off.call("put", LINK, token, json={"access_token": "x"})
    assert said(linked) == (503, "facebook-not-configured")
    assert off.call("delete", LINK, token).status_code == 204


def test_ten_first_visits_at_once_make_one_customer(world: World, meta: Meta):
    token, before = give_user_token(meta, person()), customers(world)
    calls = [
        lambda: World.call(
            _Visitor(world), "post", PATH, world.publishable_key,
            json={"access_token": token, "device_id": str(uuid.uuid4())},
        )
    ] * 10  # fmt: skip
    assert len({customer_of(response) for response in at_once(calls)}) == 1
    assert customers(world) == before + 1


class _Visitor(World):
    """The same service, with a client for a thread of its own."""

    def __init__(self, world: World) -> None:
        self.app, self.client = world.app, world.app.test_client()


def test_a_customer_links_and_unlinks(world: World, meta: Meta):
    user, token = person(), world.customer()
    me = world.ask("get", "/v1/customers/me", token)["id"]
    body = {"access_token": give_user_token(meta, user)}
    for _ in range(2):
        assert world.call("put", LINK, token, json=body).status_code == 204
        assert links(world, me) == 1
    assert customer_of(sign_in(world, **body)) == me
    for _ in range(2):
        assert world.call("delete", LINK, token).status_code == 204
        assert links(world, me) == 0
    assert customer_of(sign_in(world, **body)) != me


def test_who_is_linked_anew_is_somebody_else_from_then_on(world: World, meta: Meta):
    one, other, token = person(), person(), world.customer()
    me = world.ask("get", "/v1/customers/me", token)["id"]
    for user in (one, other):
        limited = {"id_token": mint_id_token(meta, user, "n"), "nonce": "n"}
        assert world.call("put", LINK, token, json=limited).status_code == 204
    assert customer_of(sign_in(world, access_token=give_user_token(meta, other))) == me
    assert customer_of(sign_in(world, access_token=give_user_token(meta, one))) != me


def test_one_person_is_not_two_customers(world: World, meta: Meta):
    body = {"access_token": give_user_token(meta, person())}
    first = customer_of(sign_in(world, **body))
    response = world.call("put", LINK, token := world.customer(), json=body)
    assert said(response) == (409, "facebook-account-taken")
    assert links(world, world.ask("get", "/v1/customers/me", token)["id"]) == 0
    assert customer_of(sign_in(world, **body)) == first


def test_a_token_that_is_refused_links_nobody(world: World, meta: Meta):
    token = world.customer()
    assert said(world.call("put", LINK, token, json={"access_token": "made up"})) == REFUSED
    for body in ({}, {"access_token": "a", "device_id": "x"}):
        assert world.call("put", LINK, token, json=body).status_code == 422


def test_two_customers_who_link_one_person_at_once(world: World, meta: Meta):
    body = {"access_token": give_user_token(meta, person())}
    tokens = [world.customer() for _ in range(6)]
    answers = at_once(
        [lambda one=one: _Visitor(world).call("put", LINK, one, json=body) for one in tokens]
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [204] + [409] * 5
    linked = [links(world, world.ask("get", "/v1/customers/me", one)["id"]) for one in tokens]
    assert sum(linked) == 1


def test_an_erased_customer_is_linked_to_nobody(world: World, meta: Meta):
    body = {"access_token": give_user_token(meta, person())}
    signed_in = sign_in(world, **body)
    first, token = customer_of(signed_in), signed_in.json["access_token"]
    assert world.call("delete", "/v1/customers/me", token).status_code == 204
    assert links(world, first) == 0
    for method, options in (("put", {"json": body}), ("delete", {})):
        assert said(world.call(method, LINK, token, **options)) == (401, "customer-gone")
    assert customer_of(sign_in(world, **body)) != first


def test_nothing_of_facebooks_is_kept_but_who_it_is_and_that_is_sealed(world: World, meta: Meta):
    user, token = person(), give_user_token(meta, user := person())
    customer_id = customer_of(sign_in(world, access_token=token))
    query = text("SELECT * FROM facebook_user_link WHERE customer_id = :id")
    with world.db.transaction() as session:
        row = session.execute(query, {"id": customer_id}).one()._asdict()
    assert set(row) == {"customer_id", "app_id", "user_digest", "sealed_user_id", "linked_at"}
    assert user not in str(row)
    assert token not in str(row)


def test_a_person_is_known_again_under_a_new_key_of_the_vault(
    world: World, meta: Meta, facebook_settings
):
    body = {"access_token": give_user_token(meta, person())}
    first = customer_of(sign_in(world, **body))
    keys = (new_key(), *facebook_settings.secrets_key)
    app = create_app(replace(facebook_settings, secrets_key=keys))
    assert customer_of(sign_in(World(app), key=world.publishable_key, **body)) == first
    app.extensions["lbs_database"].engine.dispose()


def test_neither_tokens_nor_people_reach_the_log(facebook_settings, meta: Meta, capsys):
    app = create_app(replace(facebook_settings, log_level="debug"))
    world, user = World(app), person()
    token = give_user_token(meta, user)
    id_token = mint_id_token(meta, user, "n-once")
    customer_of(sign_in(world, access_token=token))
    customer_of(sign_in(world, id_token=id_token, nonce="n-once"))
    meta.fail("/debug_token", code=2)
    assert said(sign_in(world, access_token=token)) == UNAVAILABLE
    assert said(sign_in(world, id_token=id_token, nonce="other")) == REFUSED
    logged = capsys.readouterr()
    assert "facebook_unavailable" in logged.err + logged.out
    for secret in (token, id_token, user, meta.app_secret, "n-once"):
        assert secret not in logged.err + logged.out
    create_app(facebook_settings).extensions["lbs_database"].engine.dispose()
    app.extensions["lbs_database"].engine.dispose()
