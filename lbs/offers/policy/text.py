"""What an advertisement says: its deals as numbers, and its words as what they mean. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import snowballstemmer
from rapidfuzz import fuzz

from lbs.offers.policy import deals as found
from lbs.offers.policy.deals import Deal
from lbs.offers.policy.words import CEREMONY, ENGLISH, EVERYTHING, MEANINGS, NORDIC, TIMES

ALIKE = 85
"""Two words of which so many letters in a hundred agree are one, spelt or bent otherwise."""
SHORT = 3
"""Words of so few letters have to be the same."""
WHEN = 1 / 3
"""The weight of a word that only says when."""
LONGEST = 40
"""Nobody's word is longer; what is, is not taken apart."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says; `words` are meanings, or the stems of words that are not known."""

    deals: frozenset[Deal] = frozenset()
    words: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    """Dates, hours and counts."""
    everything: bool = False
    """Whether it is about all that the merchant sells."""
    languages: frozenset[str] = frozenset()
    """`nordic`, `english`: of the texts that it is made of."""

    @property
    def known(self) -> frozenset[str]:
        """Its words that mean the same in every language, and say what, not when."""
        return (self.words & _known_meanings()) - TIMES

    def __or__(self, other: Reading) -> Reading:
        return Reading(
            self.deals | other.deals,
            self.words | other.words,
            self.marks | other.marks,
            self.everything or other.everything,
            self.languages | other.languages,
        )


def fold(text: str) -> str:
    """In lower case, æ for ä and ø for ö, no other accents, single blanks."""
    lower = unicodedata.normalize("NFC", text).casefold().translate(_LETTERS)
    plain = (char if char in "æøå" else unicodedata.normalize("NFD", char)[0] for char in lower)
    return " ".join("".join(plain).split())


_LETTERS = str.maketrans({"ä": "æ", "ö": "ø", "’": "'", "–": "-", "—": "-", "\u00ad": None})
_WORD = re.compile(r"[a-zæøå]+")
_EVERYTHING = re.compile(EVERYTHING)


@lru_cache(maxsize=5_000)
def read(text: str) -> Reading:
    """The text may be Danish, Swedish, Norwegian or English; where it does not tell, the first."""
    folded = fold(text)
    spoken = language(folded)
    nordic = spoken != "english"
    taken, rest = found.take_out(folded, nordic=nordic)
    words = [token for token in _WORD.findall(rest) if not _is_empty(token, nordic=nordic)]
    return Reading(
        frozenset(taken.deals),
        frozenset().union(*(meanings(word, nordic=nordic) for word in words)),
        frozenset(taken.marks),
        everything=bool(_EVERYTHING.search(folded)),
        languages=frozenset({spoken} if spoken else ()),
    )


def read_reward(reward: Mapping[str, Any]) -> Reading:
    """An offer's reward says by its kind what deal it is."""
    said = read(" ".join(str(reward[name]) for name in ("item", "text") if name in reward))
    deals = found.reward_deals(reward) or said.deals
    return replace(said, deals=deals)


def language(folded: str) -> str | None:
    """`nordic` or `english`, by letters and small words; None where they do not tell."""
    tokens = _WORD.findall(folded)
    small = sum((token in NORDIC) - (token in ENGLISH) for token in tokens)
    balance = small + 2 * any(letter in folded for letter in "æøå")
    if balance == 0:
        return None
    return "nordic" if balance > 0 else "english"


def meanings(word: str, *, nordic: bool) -> frozenset[str]:
    """What a word means, a compound what its parts mean; of a word that is not known, the stem."""
    return _known(word) or _parts(word) or frozenset({stem(word, nordic=nordic)})


@lru_cache(maxsize=50_000)
def stem(word: str, *, nordic: bool) -> str:
    """Snowball's Danish stem serves Swedish and Norwegian too: their endings are nearly these."""
    stemmer = snowballstemmer.stemmer("danish" if nordic else "english")
    return str(stemmer.stemWord(word)) if len(word) > SHORT else word


def cover(these: Collection[str], those: Collection[str]) -> float:
    """The share of these words that are among those, or nearly; what says when counts for less."""
    there = sum(_weight(word) for word in these if _is_among(word, those))
    return there / sum(map(_weight, these)) if these else 0.0


def _weight(word: str) -> float:
    return WHEN if word in TIMES else 1.0


def _is_among(word: str, those: Collection[str]) -> bool:
    return word in those or any(_are_near(word, other) for other in those)


@lru_cache(maxsize=100_000)
def _are_near(one: str, other: str) -> bool:
    return min(len(one), len(other)) > SHORT and fuzz.ratio(one, other) >= ALIKE


def _is_empty(token: str, *, nordic: bool) -> bool:
    """Whether it says nothing of the deal; "is" does in Danish, where it is ice, not in English."""
    own, other = (NORDIC, ENGLISH) if nordic else (ENGLISH, NORDIC)
    if len(token) == 1 or token in own or token in CEREMONY:
        return True
    return token in other and token not in _index()


@lru_cache(maxsize=50_000)
def _known(word: str) -> frozenset[str]:
    forms = (word, stem(word, nordic=True), stem(word, nordic=False))
    return frozenset([_index()[form] for form in forms if form in _index()][:1])


@lru_cache(maxsize=50_000)
def _parts(word: str) -> frozenset[str]:
    """Of a compound of two known words, with or without an s or e between; longest last part."""
    if len(word) > LONGEST:
        return frozenset()
    for cut in range(2, len(word) - 1):
        last = _known(word[cut:])
        first = last and (_known(word[:cut]) or _known(_unjoined(word[:cut])))
        if first:
            return first | last
    return frozenset()


def _unjoined(part: str) -> str:
    return part[:-1] if part.endswith(("s", "e")) and len(part) > SHORT else part


@cache
def _index() -> dict[str, str]:
    """Every known word, and its stems, to what it means; a word itself wins over a stem."""
    listed = [line.split(":") for line in MEANINGS.strip().splitlines()]
    pairs = [(word, meaning.strip()) for meaning, words in listed for word in words.split()]
    stems = {stem(word, nordic=nordic): what for word, what in pairs for nordic in (True, False)}
    return {**stems, **dict(pairs)}


@cache
def _known_meanings() -> frozenset[str]:
    return frozenset(_index().values())
