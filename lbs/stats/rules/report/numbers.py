"""Numbers, money, times and distances as people write them, in English or Danish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_interval, format_timedelta
from babel.lists import format_list
from babel.numbers import (
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
)
from babel.units import format_unit

LOCALES = {"en": "en_GB", "da": "da_DK"}
TIMES = {"en": "d MMMM y, HH:mm", "da": "d. MMMM y 'kl.' HH.mm"}
DAYS = {"en": "EEE d MMM", "da": "EEE d. MMM"}
MONEY = {"en": "¤¤\xa0#,##0.00", "da": None}
"""The pattern; the locale's own would write DKK35.00 in English."""

COMPACT_FROM = 10_000
KM = 1000
ROUNDING_UP = 1.5
"""A duration is said in the largest unit of which it has so many."""

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes in one language, in the days and hours of one time zone."""

    lang: str
    time_zone: str

    @property
    def locale(self) -> str:
        return LOCALES[self.lang]

    def count(self, number: int | None) -> str:
        return NONE if number is None else format_decimal(number, locale=self.locale)

    def compact(self, number: float) -> str:
        """Short enough for the edge of a chart."""
        if abs(number) < COMPACT_FROM:
            return format_decimal(number, locale=self.locale)
        return format_compact_decimal(number, locale=self.locale, fraction_digits=1)

    def decimal(self, number: float, *, signed: bool = False) -> str:
        """The smaller, the finer."""
        digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 1 else 2  # noqa: PLR2004
        text = format_decimal(round(number, digits), locale=self.locale)
        return _sign(text, number if round(number, digits) else 0, signed=signed)

    def percent(self, share: float | None, *, signed: bool = False) -> str:
        if share is None:
            return NONE
        digits = 1 if 0 < abs(share) < 0.095 else 0  # noqa: PLR2004
        rounded = round(share, digits + 2)
        pattern = f"#,##0{'.#' if digits else ''}\xa0%"
        return _sign(format_percent(rounded, pattern, self.locale), rounded, signed=signed)

    def money(self, minor: float, currency: str, *, signed: bool = False) -> str:
        amount = minor / 10 ** get_currency_precision(currency)
        text = format_currency(amount, currency, MONEY[self.lang], locale=self.locale)
        return _sign(text, minor, signed=signed)

    def long_date(self, at: datetime) -> str:
        return format_date(self._local(at), "long", locale=self.locale)

    def dates(self, start: datetime, end: datetime) -> str:
        """From the first day to the last; `end` itself is no longer in it."""
        last = self._local(end - timedelta(microseconds=1)).date()
        text: str = format_interval(self._local(start).date(), last, "yMMMd", locale=self.locale)
        return text

    def time(self, at: datetime) -> str:
        return format_datetime(
            at, TIMES[self.lang], tzinfo=ZoneInfo(self.time_zone), locale=self.locale
        )

    def day(self, at: datetime) -> str:
        return format_date(self._local(at), DAYS[self.lang], locale=self.locale)

    def day_or_month(self, day: date) -> str:
        """The name of a month where it begins."""
        return format_date(day, "LLL" if day.day == 1 else "d/M", locale=self.locale)

    def duration(self, seconds: int | None) -> str:
        if seconds is None:
            return NONE
        return format_timedelta(
            timedelta(seconds=seconds), threshold=ROUNDING_UP, format="short", locale=self.locale
        )

    def distance(self, metres: float) -> str:
        if metres >= KM:
            return format_unit(metres / KM, "length-kilometer", "short", locale=self.locale)
        return format_unit(metres, "length-meter", "short", locale=self.locale)

    def all_of(self, parts: Iterable[str]) -> str:
        return format_list(list(parts), locale=self.locale)

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.time_zone))


def _sign(text: str, number: float, *, signed: bool) -> str:
    text = text.replace("-", MINUS)
    return f"+{text}" if signed and number > 0 else text
