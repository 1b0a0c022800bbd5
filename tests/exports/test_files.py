"""How rows become CSV and Parquet. No database."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbs.exports.rules.columns import COLUMNS, Column, Kind
from lbs.exports.rules.series import tabulate
from lbs.exports.service.files import PARQUET_GROUP, Digest, write_csv, write_parquet

ONE = UUID("019abc12-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)
EACH = tuple(Column(kind.value, kind) for kind in Kind)
FULL = (ONE, "redeemed", "a, b", ["x y", "Ø"], [ONE], NOON, -5, True)
EMPTY = (None,) * len(EACH)


def as_csv(columns, rows) -> bytes:
    return b"".join(write_csv(columns, rows, {}))


def as_parquet(columns, rows, about=None) -> bytes:
    return b"".join(write_parquet(columns, rows, about or {}))


def test_csv_is_as_rfc_4180_has_it():
    assert as_csv(EACH, [FULL, EMPTY]).decode() == (
        "id,word,text,texts,ids,time,number,flag\r\n"
        f'{ONE},redeemed,"a, b","[""x y"", ""Ø""]","[""{ONE}""]",'
        "2026-11-22T12:00:00.000005Z,-5,true\r\n"
        ",,,,,,,\r\n"
    )


@pytest.mark.parametrize("written", ["=1+1", "+45", "-1", "@x", "\tx", "\rx"])
def test_what_people_have_written_is_no_formula(written: str):
    text = (Column("text", Kind.TEXT),)
    rows = list(csv.reader(io.StringIO(as_csv(text, [[written]]).decode(), newline="")))
    assert rows == [["text"], ["'" + written]]


def test_a_number_below_zero_is_no_formula():
    assert as_csv((Column("n", Kind.NUMBER),), [[-5]]) == b"n\r\n-5\r\n"


def test_parquet_has_the_values_in_their_types():
    read = pq.read_table(io.BytesIO(as_parquet(EACH, [FULL, EMPTY], {"what": "x"})))
    assert [str(kind) for kind in read.schema.types] == [
        "string",
        "string",
        "string",
        "list<element: string>",
        "list<element: string>",
        "timestamp[us, tz=UTC]",
        "int64",
        "bool",
    ]
    full, empty = read.to_pylist()
    assert tuple(full.values()) == (
        str(ONE),
        "redeemed",
        "a, b",
        ["x y", "Ø"],
        [str(ONE)],
        NOON,
        -5,
        True,
    )
    assert tuple(empty.values()) == EMPTY
    assert read.schema.metadata[b"what"] == b"x"


def test_parquet_is_written_by_row_groups():
    column = (Column("n", Kind.NUMBER),)
    rows = ((number,) for number in range(2 * PARQUET_GROUP + 1))
    file = pq.ParquetFile(io.BytesIO(as_parquet(column, rows)))
    groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    assert groups == [PARQUET_GROUP, PARQUET_GROUP, 1]
    assert sum(file.read()["n"].to_pylist()) == sum(range(2 * PARQUET_GROUP + 1))


@pytest.mark.parametrize("what", COLUMNS)
def test_a_file_without_rows_has_its_columns(what: str):
    names = [column.name for column in COLUMNS[what]]
    assert as_csv(COLUMNS[what], []).decode() == ",".join(names) + "\r\n"
    read = pq.read_table(io.BytesIO(as_parquet(COLUMNS[what], [])))
    assert (read.num_rows, read.column_names) == (0, names)


@given(st.lists(st.binary(max_size=20)), st.integers(1, 16))
def test_parts_have_one_size_and_are_all_there_is(pieces: list[bytes], size: int):
    digest, whole = Digest(size), b"".join(pieces)
    parts = list(digest.cut(pieces))
    assert b"".join(parts) == whole
    assert {len(part) for part in parts[:-1]} <= {size}
    assert all(parts)
    assert (digest.bytes, digest.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())


def test_further_currencies_have_rows_of_money_alone():
    counted = dict.fromkeys(
        ("unlocks", "expired", "redemptions", "reversals", "unique_customers"), 1
    ) | {"new_customers": 1, "returning_customers": 0}
    money = [
        {"currency": currency, "value_minor": 3, "cost_minor": 2, "amount_minor": 9}
        for currency in ("DKK", "EUR")
    ]
    verdicts = {"accepted": 1, "ambiguous": 0, "rejected": 2}
    item = {"start": NOON, "check_ins": verdicts, **counted, "money": money}
    first, second = tabulate(item)
    assert first == (NOON, 1, 0, 2, 1, 1, 1, 1, 1, 1, 0, "DKK", 3, 2, 9)
    assert second == (NOON, *(None,) * 10, "EUR", 3, 2, 9)
    [none] = tabulate({**item, "money": []})
    assert none[-4:] == (None,) * 4
    assert len(none) == len(COLUMNS["series"])
