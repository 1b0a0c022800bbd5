"""Texts for people exist in English and Danish; the request says which (Accept-Language)."""

from __future__ import annotations

from collections.abc import Mapping

from babel import negotiate_locale
from flask import request

LANGUAGES = ("en", "da")

Text = Mapping[str, str]
"""One text by language."""


def language() -> str:
    wanted = [tag for tag, quality in request.accept_languages if quality]
    return negotiate_locale(wanted, LANGUAGES, sep="-") or LANGUAGES[0]


def say(text: Text) -> str:
    return text[language()]
