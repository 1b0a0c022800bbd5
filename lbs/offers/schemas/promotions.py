from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from itertools import zip_longest
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import MAX_YEAR, MIN_YEAR, Schema, String, Timestamp
from lbs.http.fields import text as prose
from lbs.http.paging import WindowQuerySchema, page_schema
from lbs.offers.queries import PROMOTION
from lbs.venues.schemas import MAX_IMPORT

HEADER = 1
"""The line that names the columns."""
NEEDED = frozenset({"text", "channel"})

TOO_MANY = ""
"""The column of cells that have none."""
Cells = dict[str, str]
"""By column."""
Lines = dict[int, Cells]
"""By the number of the line that they begin on; the header is line 1."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


class Day(fields.Date):
    """A calendar day as YYYY-MM-DD."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not _ISO.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        day: date = super()._deserialize(value, *args, **kwargs)
        if not MIN_YEAR <= day.year <= MAX_YEAR:
            raise ma.ValidationError(f"The year must lie from {MIN_YEAR} to {MAX_YEAR}.")
        return day


TEXT: dict[str, Any] = {
    "metadata": {"description": "What it says to the public", "example": "2 for 1 on Tuesdays"}
}
CHANNEL: dict[str, Any] = {
    "metadata": {"description": "Where it runs, in the merchant's words", "example": "facebook"}
}
URL: dict[str, Any] = {
    "allow_none": True,
    "validate": [validate.Length(max=2000), validate.URL(schemes={"http", "https"})],
    "metadata": {"format": "uri", "example": "https://cafe.example/tuesdays"},
}
STARTS_ON: dict[str, Any] = {
    "allow_none": True,
    "metadata": {"description": "Its first day; null: it has always run", "example": "2026-11-01"},
}
ENDS_ON: dict[str, Any] = {
    "allow_none": True,
    "metadata": {"description": "Its last day; null: no end is known", "example": "2026-11-30"},
}

_PROMOTION: dict[str, Any] = {
    "text": "2 for 1 on Tuesdays",
    "channel": "facebook",
    "url": "https://cafe.example/tuesdays",
    "starts_on": "2026-11-01",
    "ends_on": "2026-11-30",
}


class _DatedSchema(Schema):
    @ma.validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        starts_on, ends_on = data.get("starts_on"), data.get("ends_on")
        if starts_on and ends_on and starts_on > ends_on:
            raise ma.ValidationError("May not lie before starts_on.", "ends_on")


class CreatePromotionSchema(_DatedSchema):
    example = _PROMOTION

    text = prose(2000, required=True, **TEXT)
    channel = prose(100, required=True, **CHANNEL)
    url = String(load_default=None, **URL)
    starts_on = Day(load_default=None, **STARTS_ON)
    ends_on = Day(load_default=None, **ENDS_ON)


class ChangePromotionSchema(_DatedSchema):
    example = {"ends_on": "2026-12-24"}  # noqa: RUF012

    text = prose(2000, **TEXT)
    channel = prose(100, **CHANNEL)
    url = String(**URL)
    starts_on = Day(**STARTS_ON)
    ends_on = Day(**ENDS_ON)


class PromotionSchema(Schema):
    """A public promotion of the merchant, which offers are compared with."""

    example = {  # noqa: RUF012
        "id": "019abc12-0000-7000-8000-000000000014",
        "version": 1,
        **_PROMOTION,
        "created_at": "2026-10-25T09:00:00Z",
        "updated_at": "2026-10-25T09:00:00Z",
    }

    id = fields.UUID(required=True)
    version = fields.Integer(required=True)
    text = fields.String(required=True)
    channel = fields.String(required=True)
    url = fields.String(required=True, allow_none=True)
    starts_on = Day(required=True, allow_none=True)
    ends_on = Day(required=True, allow_none=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


PromotionPageSchema = page_schema(PromotionSchema, "PromotionPageSchema")


class PromotionListQuerySchema(WindowQuerySchema):
    running_on = Day(
        load_default=None,
        metadata={"description": "Only those that run on this day", "example": "2026-11-22"},
    )


class RefusedLineSchema(Schema):
    """A line that no promotion was made of, and why."""

    line = fields.Integer(
        required=True, metadata={"description": "Where it begins; the header is line 1"}
    )
    text = fields.String(required=True, allow_none=True)
    errors = fields.List(fields.Nested("FieldErrorSchema"), required=True)


class PromotionImportReportSchema(Schema):
    """What came of an import."""

    example = {  # noqa: RUF012
        "created": ["019abc12-0000-7000-8000-000000000015"],
        "already_there": 0,
        "refused": [],
    }

    created = fields.List(
        fields.UUID(), required=True, metadata={"description": "In the order of the lines"}
    )
    already_there = fields.Integer(
        required=True,
        metadata={"description": "Lines that say what a promotion or a line before says"},
    )
    refused = fields.List(fields.Nested(RefusedLineSchema), required=True)


IMPORT_EXAMPLE = (
    "text,channel,url,starts_on,ends_on\n2 for 1 on Tuesdays,facebook,,2026-11-01,2026-11-30\n"
)

_READER = CreatePromotionSchema()


def read_csv(document: str) -> Lines:
    """The cells of each line that is not empty.

    Columns may be parted by commas or, as Danish spreadsheets do, by semicolons. Raises ValueError
    where it is no CSV, and ValidationError where header or length is wrong.
    """
    lines = _lines(document)
    columns = [cell.strip().casefold() for cell in next(lines, (HEADER, []))[1]]
    _check_header(columns)
    rows = {
        number: dict(zip_longest([*columns[: len(cells)]], cells, fillvalue=TOO_MANY))
        for number, cells in lines
        if any(cells)
    }
    if not 1 <= len(rows) <= MAX_IMPORT:
        raise ma.ValidationError({HEADER: ["From 1 to 5,000 promotions below it."]})
    return rows


def read_promotion(cells: Cells) -> dict[str, Any]:
    """A line as a promotion, or ValidationError; an empty cell is one that is not given."""
    if TOO_MANY in cells:
        raise ma.ValidationError("It has more cells than there are columns.")
    given = {name: cell.strip() for name, cell in cells.items() if cell.strip()}
    members: dict[str, Any] = _READER.load(given)
    return members


def _lines(document: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each record, and the line that it begins on."""
    first = document.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(document, newline=""), delimiter=delimiter, strict=True)
    begins = HEADER
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"Not CSV: {error} in the record of line {begins}.") from None


def _check_header(columns: list[str]) -> None:
    known = ", ".join(PROMOTION)
    if len(set(columns)) < len(columns) or not NEEDED <= set(columns) <= set(PROMOTION):
        text = f"The columns are {known}; each once, the first two are needed."
        raise ma.ValidationError({HEADER: [text]})
