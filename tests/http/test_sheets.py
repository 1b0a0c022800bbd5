"""CSV as spreadsheets write and read it. No database."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbs.http.sheets import FORMULA, answer, read_column


def read(text: str) -> list[tuple[int, str | None]]:
    return read_column(text, "code")


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("A1\nB2\n", [(1, "A1"), (2, "B2")]),
        ("A1\r\nB2\r\n", [(1, "A1"), (2, "B2")]),
        ("A1\rB2", [(1, "A1"), (2, "B2")]),
        ("\n\nA1\n \n\tB2 \n", [(3, "A1"), (5, "B2")]),
        ("code\nA1\n", [(2, "A1")]),
        ("\n Code \nA1\n", [(3, "A1")]),
        ('"code","note"\n"A1","x, y"\nB2\n', [(2, "A1"), (3, "B2")]),
        ("code;note\nA,1;x\n", [(2, "A,1")]),
        ("code\tnote\nA1\tx\n", [(2, "A1")]),
        ('"A,1"\n', [(1, "A,1")]),
        ("A,1\nA1\n", [(1, None), (2, "A1")]),
        ('A1\n"B2\nC3\nD4\n', [(1, "A1"), (2, None), (3, "C3"), (4, "D4")]),
        ("code,note\n,x\n", [(2, "")]),
        ("note,code\n", [(1, None)]),
        ("'=1+1\n'+4512\n'abc\n", [(1, "=1+1"), (2, "+4512"), (3, "'abc")]),
        ("A1\u2028B2\n", [(1, "A1\u2028B2")]),
        ("", []),
        ("\n \n", []),
    ],
)
def test_the_first_column_is_read(text: str, cells: list[tuple[int, str | None]]):
    assert read(text) == cells


def test_a_cell_that_no_reader_takes_spoils_only_its_line():
    assert read("A1\n" + "x" * 200_000 + "\nB2\n") == [(1, "A1"), (2, None), (3, "B2")]


@pytest.mark.parametrize("cell", ["=1+1", "+45", "-1", "@x", "\tx", "\rx"])
def test_what_would_be_a_formula_is_written_as_text(cell: str):
    written = answer(["code"], [[cell], ["a" + cell]], "x.csv").get_data(as_text=True)
    assert list(csv.reader(io.StringIO(written, newline=""))) == [
        ["code"],
        ["'" + cell],
        ["a" + cell],
    ]


def test_it_is_a_file_to_download():
    response = answer(["code"], [], "codes.csv")
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="codes.csv"'


PRINTABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=64
).filter(lambda cell: cell != "code" and not (cell[0] == "'" and cell[1:].startswith(FORMULA)))


@settings(deadline=None, derandomize=True)
@given(st.lists(PRINTABLE, max_size=20))
def test_what_was_written_is_read_as_it_was(cells: list[str]):
    rows = [(cell, "another column") for cell in cells]
    written = answer(["code", "note"], rows, "x.csv").get_data(as_text=True)
    assert [cell for _, cell in read(written)] == cells


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=300))
def test_whatever_comes_is_read_line_by_line(text: str):
    numbers = [number for number, _ in read(text)]
    assert numbers == sorted(set(numbers))
