"""Texts for people exist in English and Danish; the request says which (Accept-Language)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request

LANGUAGES = ("en", "da")

Text = Mapping[str, str]
"""One text by language."""


def language() -> str:
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def say(text: Text) -> str:
    return text[language()]
