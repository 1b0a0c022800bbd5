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
        ({"LBS_INSIDE_PROBABILITY": "0.005"}, "LBS_OUTSIDE_PROBABILITY"),
    ],
)
def test_a_bad_setting_is_named(change, named):
    with pytest.raises(SettingsError, match=named):
        Settings.from_env(GOOD | change)


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
