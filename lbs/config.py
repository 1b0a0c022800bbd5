"""Settings: read once, from a mapping, into one frozen object."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

Level = str
AppLink = str
"""How a link opens the app: an address with `{token}` in it; empty: not at all."""
WebAddress = str
LEVELS = ("debug", "info", "warning", "error")
APP_LINK = re.compile(r"(https://|[a-z][a-z0-9+.-]+:)[^\s\"'<>{}]*\{token\}[^\s\"'<>{}]*")
NO_APPS = ("http:", "javascript:", "data:", "vbscript:", "file:", "blob:", "about:", "mailto:")
"""What a browser would not hand to an app."""
WEB_ADDRESS = re.compile(r"https://[^\s\"'<>]+")
NOT_OURS = {"LBS_STATE_DIR"}
"""Variables of the command line, not of the service."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SettingsError(ValueError):
    """A variable is missing or not readable; the text names every one."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Field `x_y` is read from the variable `LBS_X_Y`; durations are given in seconds."""

    database_url: str
    secrets_key: tuple[str, ...]
    public_url: str = "http://127.0.0.1:8080"
    redis_url: str = ""
    rate_limit: str = "1200 per minute"
    trusted_proxies: int = 0
    log_level: Level = "info"
    pool_size: int = 8
    statement_timeout: timedelta = timedelta(seconds=30)

    access_token_ttl: timedelta = timedelta(minutes=15)
    refresh_token_ttl: timedelta = timedelta(days=60)
    receipt_ttl: timedelta = timedelta(minutes=20)
    idempotency_ttl: timedelta = timedelta(hours=24)
    challenge_ttl: timedelta = timedelta(minutes=5)
    step_up_window: timedelta = timedelta(minutes=10)
    fix_retention: timedelta = timedelta(days=30)

    cool_down: timedelta = timedelta(hours=4)
    fix_max_age: timedelta = timedelta(minutes=2)
    fix_max_ahead: timedelta = timedelta(seconds=30)
    fix_max_accuracy_m: float = 500.0
    fence_pad_m: float = 25.0
    fence_noise_m: float = 8.0
    accuracy_to_sigma: float = 1.51
    inside_probability: float = 0.5
    outside_probability: float = 0.01

    fast_travel_m_s: float = 90.0
    impossible_travel_m_s: float = 300.0
    rapid_limit: int = 15
    daily_limit: int = 60
    customers_per_device: int = 5
    devices_per_customer: int = 5

    guess_limit: int = 20
    guess_window: timedelta = timedelta(minutes=10)

    flag_limit: int = 5
    flag_window: timedelta = timedelta(days=30)
    flag_share: float = 0.2

    stats_min_group: int = 5
    export_ttl: timedelta = timedelta(days=7)
    export_link_ttl: timedelta = timedelta(days=1)
    live_streams: int = 2
    live_for: timedelta = timedelta(minutes=5)
    live_poll: timedelta = timedelta(seconds=1)

    webhooks_allow_private: bool = False

    app_link: AppLink = ""
    app_page: WebAddress = ""

    referrer_bonus: bool = False

    facebook_app_id: str = ""
    facebook_app_secret: str = ""
    facebook_verify_token: str = ""
    facebook_graph_url: str = "https://graph.facebook.com"
    facebook_graph_version: str = "v26.0"
    facebook_www_url: str = "https://www.facebook.com"
    facebook_issuer: str = "https://www.facebook.com"
    facebook_jwks_url: str = "https://www.facebook.com/.well-known/oauth/openid/jwks/"

    @property
    def has_facebook_app(self) -> bool:
        return bool(self.facebook_app_id and self.facebook_app_secret)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Every problem is reported at once."""
        given: dict[str, Any] = {}
        problems: list[str] = []
        for field in fields(cls):
            name = f"LBS_{field.name.upper()}"
            if name not in env:
                continue
            try:
                given[field.name] = _PARSERS[str(field.type)](env[name])
            except ValueError as error:
                problems.append(f"{name}: {error}")
        known = {f"LBS_{field.name.upper()}" for field in fields(cls)} | NOT_OURS
        problems += [f"{name}: no such setting" for name in sorted(_ours(env) - known)]
        missing = {"database_url", "secrets_key"} - given.keys()
        problems += [f"LBS_{name.upper()} is not set" for name in sorted(missing)]
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(**given)

    def __post_init__(self) -> None:
        if not 0 < self.outside_probability <= self.inside_probability < 1:
            raise SettingsError(
                "0 < LBS_OUTSIDE_PROBABILITY <= LBS_INSIDE_PROBABILITY < 1 must hold"
            )
        for key in self.secrets_key:
            Fernet(key)
        for name in ("facebook_graph_url", "facebook_www_url", "facebook_jwks_url"):
            if not _is_safe(getattr(self, name)):
                raise SettingsError(f"LBS_{name.upper()} must be https, unless it is loopback")


def _is_safe(url: str) -> bool:
    """Whether secrets may be sent there; nothing is sent to no address."""
    parts = urlsplit(url)
    return not url or parts.scheme == "https" or parts.hostname in LOOPBACK


def _ours(env: Mapping[str, str]) -> set[str]:
    return {name for name in env if name.startswith("LBS_")}


def _level(text: str) -> str:
    if text.lower() not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return text.lower()


def _app_link(text: str) -> str:
    if text and (not APP_LINK.fullmatch(text) or text.startswith(NO_APPS)):
        raise ValueError("must be https://... or the app's own scheme, with {token} once")
    return text


def _web_address(text: str) -> str:
    if text and not WEB_ADDRESS.fullmatch(text):
        raise ValueError("must begin with https://")
    return text


def _seconds(text: str) -> timedelta:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError("must be a number of seconds, zero or more")
    return timedelta(seconds=seconds)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError("must be a positive number")
    return number


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError("must be a whole number, one or more")
    return number


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text.lower() == "yes"


def _fernet_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key for key in text.split(",") if key)
    for key in keys:
        try:
            Fernet(key)
        except ValueError as error:
            raise ValueError("must be Fernet keys separated by commas, newest first") from error
    if not keys:
        raise ValueError("is empty")
    return keys


_PARSERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "Level": _level,
    "AppLink": _app_link,
    "WebAddress": _web_address,
    "bool": _yes_or_no,
    "int": _count,
    "float": _positive,
    "timedelta": _seconds,
    "tuple[str, ...]": _fernet_keys,
}
