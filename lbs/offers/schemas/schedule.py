"""An offer's schedule as it is written, and what it comes to at a venue."""

from __future__ import annotations

from datetime import date
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import (
    MAX_YEAR,
    MIN_YEAR,
    Boolean,
    Flawed,
    Integer,
    Schema,
    String,
    Timestamp,
    Word,
    text,
)
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.offers.rules.schedule import WEEKDAYS

MAX_WINDOWS, MAX_RANGES, MAX_OPENINGS = 50, 200, 50


class LocalDate(fields.Date):
    """A day of the venue's calendar; handed on as the text it is stored as."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if day.isoformat() != value:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        if not MIN_YEAR <= day.year <= MAX_YEAR:
            raise ma.ValidationError(f"The year must lie from {MIN_YEAR} to {MAX_YEAR}.")
        return value

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


def _clock(name: str, hours: str, error: str, **metadata: Any) -> String:
    return String(
        required=True,
        attribute=name,
        data_key=name,
        validate=validate.Regexp(rf"\A({hours})\Z", error=error),
        metadata={"pattern": f"^({hours})$", **metadata},
    )


_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"


class ScheduleWindowSchema(Schema):
    """On these days of the week, from the one time to the other on the venue's clock."""

    example = {"weekdays": ["fr", "sa"], "from": "22:00", "to": "02:00"}  # noqa: RUF012

    weekdays = fields.List(
        Word("Weekday", WEEKDAYS),
        required=True,
        validate=validate.Length(1, len(WEEKDAYS)),
        metadata={"description": "The days on which the window begins"},
    )
    from_ = _clock("from", _TIME, "A time from 00:00 to 23:59.")
    to = _clock(
        "to",
        f"{_TIME}|24:00",
        "A time from 00:00 to 24:00.",
        description="Not included; at or before `from` it is past midnight",
    )

    @ma.validates_schema
    def lasts(self, data: dict[str, Any], **_: Any) -> None:
        if data["from"] == data["to"]:
            raise ma.ValidationError(
                Flawed.by("window_empty", "Must differ from `from`; a day is 00:00 to 24:00."), "to"
            )


class ScheduleDatesSchema(Schema):
    """Days of the venue's calendar, the last one included."""

    from_date = LocalDate(required=True, metadata={"example": "2026-12-24"})
    to_date = LocalDate(metadata={"description": "Left out: that one day"})

    @ma.validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("to_date", data["from_date"]) < data["from_date"]:
            raise ma.ValidationError(
                Flawed.by("dates_order", "Must not be earlier than from_date."), "to_date"
            )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"to_date": data["from_date"], **data}


class ScheduleExclusionSchema(ScheduleDatesSchema):
    """Days on which it is not on."""

    reason = text(200, load_default=None, allow_none=True, metadata={"example": "Christmas"})


class ScheduleTurnsSchema(Schema):
    """On and off by turns: pairs of blocks of days, one with the offer and one without.

    Which of the two has it is drawn for each venue, and the service switches it; before and after
    it is on as scheduled. What it does to visits: `/v1/stats/offers/{id}/switchback`.
    """

    example = {"from_date": "2026-12-07", "days": 7, "pairs": 6, "wash_out_days": 1}  # noqa: RUF012

    from_date = LocalDate(required=True, metadata={"description": "The first block's first day"})
    days = Integer(
        load_default=7,
        validate=validate.Range(1, 28),
        metadata={"description": "Of a block; whole weeks have the same weekdays in each"},
    )
    pairs = Integer(
        load_default=6,
        validate=validate.Range(1, 26),
        metadata={"description": "Of blocks at each venue"},
    )
    wash_out_days = Integer(
        load_default=1,
        validate=validate.Range(0, 27),
        metadata={"description": "Days at the beginning of a block that are not counted"},
    )

    @ma.validates_schema
    def something_is_left(self, data: dict[str, Any], **_: Any) -> None:
        if data["wash_out_days"] >= data["days"]:
            raise ma.ValidationError(
                Flawed.by("nothing_counted", "Must be less than days."), "wash_out_days"
            )


class ScheduleSchema(Schema):
    """When the offer is on, by the clock and calendar of each venue.

    It is on in any window: windows may overlap. A window over midnight belongs to the day on which
    it begins. Without windows and opening_hours it is on all day, without dates on all days; an
    exclusion takes away whatever begins on its days. Where clocks go forward, times that are
    skipped are not on; where they go back, times that come twice are on twice.
    """

    example = {  # noqa: RUF012
        "windows": [ScheduleWindowSchema.example],
        "opening_hours": False,
        "dates": [{"from_date": "2026-11-27", "to_date": "2027-01-31"}],
        "exclusions": [{"from_date": "2026-12-24", "to_date": "2026-12-26", "reason": "Christmas"}],
        "turns": None,
    }

    windows = fields.List(
        fields.Nested(ScheduleWindowSchema),
        load_default=list,
        dump_default=list,
        validate=validate.Length(max=MAX_WINDOWS),
    )
    opening_hours = Boolean(
        load_default=False,
        dump_default=False,
        metadata={"description": "The venue's own opening hours are one more window"},
    )
    dates = fields.List(
        fields.Nested(ScheduleDatesSchema),
        load_default=list,
        dump_default=list,
        validate=validate.Length(max=MAX_RANGES),
    )
    exclusions = fields.List(
        fields.Nested(ScheduleExclusionSchema),
        load_default=list,
        dump_default=list,
        validate=validate.Length(max=MAX_RANGES),
    )
    turns = fields.Nested(
        ScheduleTurnsSchema, load_default=None, dump_default=None, allow_none=True
    )


_OPENING = {
    "starts_at": "2026-11-22T12:00:00Z",
    "ends_at": "2026-11-23T12:00:00Z",
    "local": "Su 2026-11-22 13:00 CET to Mo 2026-11-23 13:00 CET",
}


class OpeningSchema(Schema):
    """A time without a break in which the offer is on."""

    example = _OPENING

    starts_at = Timestamp(required=True)
    ends_at = Timestamp(required=True, metadata={"description": "Not included"})
    local = fields.String(
        required=True, metadata={"description": "The same on the venue's clock, to be read"}
    )


class SchedulePreviewSchema(Schema):
    """When the offer is on at one venue."""

    example = {  # noqa: RUF012
        "venue_id": "019abc12-0000-7000-8000-000000000001",
        "name": "20 grams",
        "time_zone": "Europe/Copenhagen",
        "opening_hours": "09:00-18:00",
        "until": "2026-11-23T12:00:00Z",
        "is_on": True,
        "openings": [_OPENING],
    }

    venue_id = fields.UUID(required=True)
    name = fields.String(required=True)
    time_zone = fields.String(required=True)
    opening_hours = fields.String(
        required=True, allow_none=True, metadata={"description": "As the venue has them"}
    )
    until = Timestamp(
        required=True,
        metadata={
            "description": "How far the preview looks: to valid_to, at most 366 days. An opening "
            "that ends there may go on"
        },
    )
    is_on = fields.Boolean(required=True, metadata={"description": "At the time asked about"})
    openings = fields.List(
        fields.Nested(OpeningSchema),
        required=True,
        metadata={"description": "In order; one that is on at the time asked about starts there"},
    )


SchedulePreviewPageSchema = page_schema(SchedulePreviewSchema, "SchedulePreviewPageSchema")


class SchedulePreviewQuerySchema(WindowQuerySchema):
    after = Timestamp(
        load_default=None, metadata={"description": "The time asked about; left out: now"}
    )
    openings = fields.Integer(
        load_default=5,
        validate=validate.Range(1, MAX_OPENINGS),
        metadata={"description": "How many openings at most of each venue"},
    )
