from datetime import timedelta

import pytest

from lbs.config import Settings, SettingsError
from lbs.vault import new_key

GOOD = {"LBS_DATABASE_URL": "postgresql+psycopg://", "LBS_SECRETS_KEY": new_key()}


def test_settings_come_from_a_mapping():
    settings = Settings.from_env(
        GOOD | {"LBS_COOL_DOWN": "90", "LBS_GUESS_LIMIT": "3", "HOME": "/"}
    )

    assert settings.cool_down == timedelta(seconds=90)
    assert settings.guess_limit == 3
    assert settings.webhooks_allow_private is False
    assert settings.referrer_bonus is False


@pytest.mark.parametrize(("said", "meant"), [("yes", True), ("No", False)])
def test_a_switch_is_yes_or_no(said, meant):
    settings = Settings.from_env(GOOD | {"LBS_WEBHOOKS_ALLOW_PRIVATE": said})
    assert settings.webhooks_allow_private is meant


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"LBS_SECRETS_KEY": "short"}, "LBS_SECRETS_KEY"),
        ({"LBS_SECRETS_KEY": ""}, "LBS_SECRETS_KEY"),
        ({"LBS_COOL_DOWN": "soon"}, "LBS_COOL_DOWN"),
        ({"LBS_COOL_DOWN": "-1"}, "LBS_COOL_DOWN"),
        ({"LBS_COOL_DOWN": "nan"}, "LBS_COOL_DOWN"),
        ({"LBS_FENCE_PAD_M": "0"}, "LBS_FENCE_PAD_M"),
        ({"LBS_GUESS_LIMIT": "0"}, "LBS_GUESS_LIMIT"),
        ({"LBS_LOG_LEVEL": "loud"}, "LBS_LOG_LEVEL"),
        ({"LBS_WEBHOOKS_ALLOW_PRIVATE": "1"}, "LBS_WEBHOOKS_ALLOW_PRIVATE"),
        ({"LBS_REFERRER_BONUS": "on"}, "LBS_REFERRER_BONUS"),
        ({"LBS_INSIDE_PROBABILITY": "0.005"}, "LBS_OUTSIDE_PROBABILITY"),
        ({"LBS_FACEBOOK_GRAPH_URL": "http://graph.example"}, "LBS_FACEBOOK_GRAPH_URL"),
        ({"LBS_FACEBOOK_GRAPH_URL": "http://127.0.0.1.example"}, "LBS_FACEBOOK_GRAPH_URL"),
        ({"LBS_FACEBOOK_JWKS_URL": "ftp://127.0.0.2/keys"}, "LBS_FACEBOOK_JWKS_URL"),
        ({"LBS_APP_LINK": "https://app.example/s/"}, "LBS_APP_LINK"),
        ({"LBS_APP_LINK": "http://app.example/s/{token}"}, "LBS_APP_LINK"),
        ({"LBS_APP_LINK": "javascript:alert('{token}')"}, "LBS_APP_LINK"),
        ({"LBS_APP_LINK": "data:text/html,{token}"}, "LBS_APP_LINK"),
        ({"LBS_APP_LINK": "lbs://s/{token}/{token}"}, "LBS_APP_LINK"),
        ({"LBS_APP_LINK": "lbs://s/{token}/{other}"}, "LBS_APP_LINK"),
        ({"LBS_APP_LINK": 'lbs://s/{token}"onclick='}, "LBS_APP_LINK"),
        ({"LBS_APP_PAGE": "http://app.example"}, "LBS_APP_PAGE"),
    ],
)
def test_a_bad_setting_is_named(change, named):
    with pytest.raises(SettingsError, match=named):
        Settings.from_env(GOOD | change)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "http://[::1]:1", "https://a.example"])
def test_facebook_is_reached_by_https_or_on_this_machine(url):
    settings = Settings.from_env(GOOD | {"LBS_FACEBOOK_GRAPH_URL": url})
    assert settings.facebook_graph_url == url


def test_every_problem_is_reported_at_once():
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"LBS_COOL_DOWN": "soon"})

    assert all(
        name in str(caught.value)
        for name in ("LBS_COOL_DOWN", "LBS_DATABASE_URL", "LBS_SECRETS_KEY")
    )


def test_a_misspelt_setting_is_refused():
    with pytest.raises(SettingsError, match="LBS_COOLDOWN"):
        Settings.from_env(GOOD | {"LBS_COOLDOWN": "90"})


@pytest.mark.parametrize(
    "link", ["", "https://app.example/s/{token}", "lbsdemo://share?token={token}&from=page"]
)
def test_an_app_is_opened_by_https_or_its_own_scheme(link: str):
    assert Settings.from_env(GOOD | {"LBS_APP_LINK": link}).app_link == link
