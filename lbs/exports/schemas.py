from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import EXCLUDE, fields, validate

from lbs.exports.policy import CONTENTS, FORMATS, PERIODS, STATES, Content, CreateExport
from lbs.exports.policy import CreateSchedule as Schedule
from lbs.exports.rules.stream import POSITION, Position
from lbs.http.fields import Integer, Schema, String, Timestamp, Word
from lbs.http.paging import page_schema
from lbs.stats.schemas import LENGTH
from lbs.venues.schemas import is_time_zone

MAX_ROWS = 20_000
"""Of a series; the other kinds are as long as they are."""
VENUE = "019abc12-0000-7000-8000-000000000001"
_EXPORT = {
    "what": "redemptions",
    "format": "csv",
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-12-01T00:00:00Z",
    "venue_id": VENUE,
}
_SCHEDULE = {
    "every": "week",
    "hour": 6,
    "time_zone": "Europe/Copenhagen",
    "what": "series",
    "format": "parquet",
    "venue_id": VENUE,
    "by": "day",
}


def _what(**kwargs: Any) -> Word:
    return Word("ExportContent", CONTENTS, required=True, **kwargs)


def _format() -> Word:
    return Word("ExportFormat", FORMATS, required=True)


class _ContentSchema(Schema):
    what = _what(
        metadata={
            "description": "Redemptions as rows, every event of the ledger as rows, or a series"
        }
    )
    format = _format()
    offer_id = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "Only of this offer"}
    )
    venue_id = fields.UUID(
        load_default=None, allow_none=True, metadata={"description": "Only at this venue"}
    )
    by = Word(
        "Interval",
        LENGTH,
        load_default=None,
        allow_none=True,
        metadata={"description": "Of a series, and there it is needed"},
    )

    @ma.validates_schema
    def series_only(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("what") == "series":
            if data.get("by") is None:
                raise ma.ValidationError("A series needs it.", "by")
        elif "what" in data:
            for name in ("by", "time_zone"):
                if name in self.fields and self._of_series(name) and data.get(name) is not None:
                    raise ma.ValidationError("Only a series has it.", name)

    def _of_series(self, name: str) -> bool:
        return True

    def content(self, data: dict[str, Any], time_zone: str | None) -> Content:
        names = ("what", "format", "offer_id", "venue_id", "by")
        return Content(**{name: data[name] for name in names}, time_zone=time_zone)


class CreateExportSchema(_ContentSchema):
    example = _EXPORT

    start = Timestamp(required=True, data_key="from")
    end = Timestamp(required=True, data_key="to", metadata={"description": "Is not in it"})
    time_zone = fields.String(
        load_default=None,
        allow_none=True,
        validate=is_time_zone,
        metadata={"description": "Whose hours, days and weeks a series has; else the venue's"},
    )

    @ma.validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("start") and data.get("end"):
            length = data["end"] - data["start"]
            if data["start"] >= data["end"]:
                raise ma.ValidationError("Must be later than from.", "to")
            if data.get("by") and length > MAX_ROWS * LENGTH[data["by"]]:
                raise ma.ValidationError(f"At most {MAX_ROWS} of them.", "by")

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> CreateExport:
        content = self.content(data, data["time_zone"])
        return CreateExport(content=content, start=data["start"], end=data["end"])


class CreateExportScheduleSchema(_ContentSchema):
    example = _SCHEDULE

    every = Word("ExportPeriod", PERIODS, required=True)
    hour = Integer(
        required=True,
        validate=validate.Range(0, 23),
        metadata={"description": "When it is made, on the first day after the period"},
    )
    time_zone = fields.String(
        required=True,
        validate=is_time_zone,
        metadata={"description": "Whose hour, days, weeks and months"},
    )

    def _of_series(self, name: str) -> bool:
        return name != "time_zone"

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Schedule:
        zone = data["time_zone"]
        content = self.content(data, zone if data["what"] == "series" else None)
        return Schedule(content=content, every=data["every"], hour=data["hour"], time_zone=zone)


class ExportSchema(Schema):
    """A file that was asked for: of the ledger as it was at `created_at`."""

    example = {  # noqa: RUF012
        **_EXPORT,
        "id": "019abc12-0000-7000-8000-000000000031",
        "offer_id": None,
        "by": None,
        "time_zone": None,
        "schedule_id": None,
        "created_at": "2026-11-22T12:00:00Z",
        "state": "queued",
        "rows": None,
        "bytes": None,
        "sha256": None,
        "expires_at": None,
    }

    id = fields.UUID(required=True)
    what = _what()
    format = _format()
    from_at = Timestamp(required=True, data_key="from")
    to_at = Timestamp(required=True, data_key="to")
    offer_id = fields.UUID(required=True, allow_none=True)
    venue_id = fields.UUID(required=True, allow_none=True)
    by = Word("Interval", LENGTH, required=True, allow_none=True)
    time_zone = fields.String(required=True, allow_none=True)
    schedule_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "The schedule that asked for it"}
    )
    created_at = Timestamp(required=True)
    state = Word("ExportState", STATES, required=True)
    rows = fields.Integer(required=True, allow_none=True)
    bytes = fields.Integer(required=True, allow_none=True)
    sha256 = fields.String(
        required=True, allow_none=True, metadata={"description": "Of the file, in hexadecimal"}
    )
    expires_at = Timestamp(
        required=True, allow_none=True, metadata={"description": "When the file is deleted"}
    )


class ExportLinkSchema(Schema):
    """An address that gives the file to whoever has it."""

    example = {  # noqa: RUF012
        "url": "https://lbs.example/exports/019abc12-0000-7000-8000-000000000031"
        "?expires=1795435200&signature=8f2Yw4xJ1kQm6Zt0rVbN3cLpH5sGdTeUaXoKiBy7WvE",
        "expires_at": "2026-11-23T12:00:00Z",
    }

    url = fields.URL(required=True)
    expires_at = Timestamp(required=True)


class ExportScheduleSchema(Schema):
    """An export made again and again, each time over the period that has just ended."""

    example = {  # noqa: RUF012
        **_SCHEDULE,
        "id": "019abc12-0000-7000-8000-000000000032",
        "offer_id": None,
        "created_at": "2026-11-22T12:00:00Z",
        "due_at": "2026-11-23T05:00:00Z",
    }

    id = fields.UUID(required=True)
    every = Word("ExportPeriod", PERIODS, required=True)
    hour = fields.Integer(required=True)
    time_zone = fields.String(required=True)
    what = _what()
    format = _format()
    offer_id = fields.UUID(required=True, allow_none=True)
    venue_id = fields.UUID(required=True, allow_none=True)
    by = Word("Interval", LENGTH, required=True, allow_none=True)
    created_at = Timestamp(required=True)
    due_at = Timestamp(required=True, metadata={"description": "When the next one is made"})


ExportPageSchema = page_schema(ExportSchema, "ExportPageSchema")
ExportSchedulePageSchema = page_schema(ExportScheduleSchema, "ExportSchedulePageSchema")


class LastEventSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    after = String(
        load_default=None,
        data_key="Last-Event-ID",
        validate=validate.Regexp(POSITION),
        metadata={"description": "The last `id` that was read: what came after it follows"},
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Position | None:
        return Position.read(data["after"]) if data["after"] else None
