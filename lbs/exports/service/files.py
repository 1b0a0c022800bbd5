"""Rows become a file, piece by piece: no more than a group of rows is ever held."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from lbs.exports.rules.columns import Column, Kind
from lbs.http.fields import rfc3339
from lbs.http.sheets import harmless

Rows = Iterable[Sequence[Any]]

CSV_GROUP, PARQUET_GROUP = 2_000, 20_000
"""So many rows are written at once; in Parquet, they can be read at once too."""


def write_csv(columns: Sequence[Column], rows: Rows, about: Mapping[str, str]) -> Iterator[bytes]:
    """RFC 4180 in UTF-8 with a header; nothing where there is no value.

    What people have written gets an apostrophe where a spreadsheet would run it as a formula.
    Quoting alone does not help: spreadsheets drop the quotes before they look.
    """
    write = [_TEXT_OF[column.kind] for column in columns]
    yield _lines([[column.name for column in columns]])
    for group in _groups(rows, CSV_GROUP):
        yield _lines(
            ["" if cell is None else say(cell) for say, cell in zip(write, row, strict=True)]
            for row in group
        )


def write_parquet(
    columns: Sequence[Column], rows: Rows, about: Mapping[str, str]
) -> Iterator[bytes]:
    """A row group at a time; ids are texts, times are UTC, and `about` is in the metadata."""
    schema = pa.schema([(column.name, _ARROW[column.kind]) for column in columns], dict(about))
    read = [_VALUE_OF.get(column.kind) for column in columns]
    sink = _Sink()
    with pq.ParquetWriter(sink, schema) as writer:
        for group in _groups(rows, PARQUET_GROUP):
            arrays = [
                pa.array(_values(cells, value), field.type)
                for cells, value, field in zip(zip(*group, strict=True), read, schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield sink.drain()
    yield sink.drain()


WRITERS: dict[str, Callable[[Sequence[Column], Rows, Mapping[str, str]], Iterator[bytes]]] = {
    "csv": write_csv,
    "parquet": write_parquet,
}


class Digest:
    """Counts and hashes the bytes that pass, and cuts them into parts of one size."""

    def __init__(self, part_bytes: int) -> None:
        self._part_bytes, self._hash = part_bytes, hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def cut(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        held = bytearray()
        for piece in pieces:
            held += piece
            while len(held) >= self._part_bytes:
                yield self._count(bytes(held[: self._part_bytes]))
                del held[: self._part_bytes]
        if held:
            yield self._count(bytes(held))

    def _count(self, part: bytes) -> bytes:
        self._hash.update(part)
        self.bytes += len(part)
        return part


class _Sink(io.RawIOBase):
    """What Parquet is written into; it never asks to go back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._size

    def drain(self) -> bytes:
        written, self._pieces = b"".join(self._pieces), []
        return written


def _groups(rows: Rows, size: int) -> Iterator[list[Sequence[Any]]]:
    source = iter(rows)
    while group := list(islice(source, size)):
        yield group


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _values(cells: Iterable[Any], value: Callable[[Any], Any] | None) -> list[Any]:
    if value is None:
        return list(cells)
    return [None if cell is None else value(cell) for cell in cells]


def _texts(items: Iterable[Any]) -> list[str]:
    return [str(item) for item in items]


_TEXT_OF: dict[Kind, Callable[[Any], str]] = {
    Kind.ID: str,
    Kind.WORD: str,
    Kind.TEXT: harmless,
    Kind.TEXTS: lambda texts: json.dumps(texts, ensure_ascii=False),
    Kind.IDS: lambda ids: json.dumps(_texts(ids)),
    Kind.TIME: rfc3339,
    Kind.NUMBER: str,
    Kind.FLAG: lambda flag: "true" if flag else "false",
}
_VALUE_OF: dict[Kind, Callable[[Any], Any]] = {Kind.ID: str, Kind.IDS: _texts}
_ARROW: dict[Kind, Any] = {
    Kind.ID: pa.string(),
    Kind.WORD: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.TEXTS: pa.list_(pa.string()),
    Kind.IDS: pa.list_(pa.string()),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.NUMBER: pa.int64(),
    Kind.FLAG: pa.bool_(),
}
