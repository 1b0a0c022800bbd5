"""CSV as spreadsheets write and read it: a column in, a table out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Response, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

CSV = "text/csv"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""
DELIMITERS = (",", ";", "\t")

FILE = {"type": "string", "format": "binary"}
"""As the interface document has it: what a generated client opens and sends, or keeps."""

Cell = tuple[int, str | None]
"""The number of a line and what stands in its column; None where the line is no CSV."""


def document(example: str) -> dict[str, Any]:
    """An operation's part of the interface document that says that its body is CSV."""
    content = {CSV: {"schema": FILE, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def read_body() -> str:
    """The text of a CSV body; 415 where it is said to be something else, 400 where it is none."""
    if request.mimetype != CSV:
        raise UnsupportedMediaType
    try:
        return request.get_data().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("The text is not UTF-8.") from None


def read_column(text: str, name: str) -> list[Cell]:
    """The first column, under the header `name` or, without a header, one value a line.

    Blank lines are passed over. A line without a header may have no second column.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    delimiter = _delimiter(filled[0][1], name) if filled else None
    if delimiter is None:
        return [(number, _only(_cells(line, ","))) for number, line in filled]
    return [(number, _first(_cells(line, delimiter))) for number, line in filled[1:]]


def answer(header: Sequence[str], rows: Iterable[Sequence[str]], filename: str) -> Response:
    """A table to download. A cell that would be taken for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    disposition = f'attachment; filename="{filename}"'
    return Response(
        text.getvalue(), content_type=f"{CSV}; charset=utf-8",
        headers={"Content-Disposition": disposition},
    )  # fmt: skip


def harmless(cell: str) -> str:
    """What would be taken for a formula, with the apostrophe that makes spreadsheets take text."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _delimiter(line: str, name: str) -> str | None:
    """What the header line has between its cells; None where the line is no header."""
    for delimiter in DELIMITERS:
        cells = _cells(line, delimiter)
        if cells and cells[0].strip().lower() == name:
            return delimiter
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    """Nothing where the line is no CSV."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _only(cells: list[str]) -> str | None:
    return _first(cells) if len(cells) == 1 else None


def _first(cells: list[str]) -> str | None:
    """Without the apostrophe that a spreadsheet, or `answer`, has put before it."""
    if not cells:
        return None
    cell = cells[0].strip()
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell
