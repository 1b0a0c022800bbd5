"""The picture that goes with a link: what is on it, and that it can be read."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from lbs.shares.rules import picture
from lbs.shares.rules.picture import (
    HEIGHT,
    MARGIN,
    SIZES,
    WIDTH,
    Card,
    contrast,
    draw,
    ink_on,
    read_color,
)

CARD = Card("Noget varmt til dig", "Kaffebar Ærø", "#7a1f3d")
LETTERS = "æøåÆØÅéüöäß"
THUMBNAIL = 300
"""So wide is a picture in a list of posts on a phone."""
colors = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


def shown(card: Card) -> Image.Image:
    return Image.open(io.BytesIO(draw(card))).convert("RGB")


def test_it_has_the_size_that_is_asked_for_and_is_small():
    for card in (CARD, replace(CARD, teaser="Å Ø Æ " * 33), replace(CARD, teaser="W" * 200)):
        assert shown(card).size == (WIDTH, HEIGHT) == (1200, 630)
        assert len(draw(card)) < 60_000


def test_the_same_card_gives_the_same_bytes_and_any_change_another_name():
    cards = [
        CARD,
        replace(CARD, teaser="Noget varmt til Dig"),
        replace(CARD, place="Kaffebar Aerø"),
        replace(CARD, color="#7a1f3e"),
    ]
    draw.cache_clear()
    before = [draw(card) for card in cards]
    draw.cache_clear()
    assert [draw(card) for card in cards] == before
    assert len({card.digest for card in cards}) == len(set(before)) == len(cards)


@pytest.mark.parametrize("letter", LETTERS)
def test_the_letters_of_danish_are_drawn_each_as_itself(letter: str):
    """Neither as nothing, nor as the box of what a font has not, nor as another letter."""
    font = picture.font_of(100, picture.BOLD)
    mine, nothing = bytes(font.getmask(letter)), bytes(font.getmask(picture.NO_CHARACTER))
    others = {bytes(font.getmask(other)) for other in f"{LETTERS}aoeAOE" if other != letter}
    assert mine
    assert mine != nothing
    assert mine not in others


def test_what_the_font_has_no_picture_of_is_left_away():
    assert draw(replace(CARD, teaser="Gratis\U0001f389 ferie")) == draw(
        replace(CARD, teaser="Gratis ferie")
    )


def test_letters_put_together_of_two_are_as_the_one():
    """As a Mac spells them."""
    assert draw(replace(CARD, teaser="a\u030a")) == draw(replace(CARD, teaser="å"))


@given(color=colors)
@settings(deadline=None)
def test_what_is_written_can_be_read_on_any_colour(color: str):
    ground = read_color(color)
    assert contrast(ink_on(ground), ground) >= 4.5


def test_ground_and_ink_are_what_was_chosen():
    counted = {color: count for count, color in shown(CARD).getcolors(1 << 16)}
    assert max(counted, key=counted.get) == read_color(CARD.color)
    assert counted[ink_on(read_color(CARD.color))] > 10_000


@pytest.mark.parametrize(
    "teaser",
    [
        "Noget",
        "Noget varmt til dig, der er på besøg for første gang i dag",
        "W" * 200,
        "Rødgrød " * 25,
        "ÅÆØ " * 50,
        "x " * 100,
        "\n\nto\n linjer\t her\n",
        "\U0001f389",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    ],
)
@pytest.mark.parametrize("place", ["Ø", "Et meget langt navn på et sted " * 6])
def test_nothing_reaches_the_edge(teaser: str, place: str):
    image = shown(Card(teaser, place, "#ffffff"))
    blank = Image.new("RGB", image.size, "#ffffff")
    left, top, right, bottom = ImageChops.difference(image, blank).getbbox()
    assert left >= MARGIN - 4
    assert top >= MARGIN - 4
    assert right <= WIDTH - MARGIN + 4
    assert bottom <= HEIGHT - MARGIN / 2


def test_the_smallest_letters_are_still_letters_in_a_thumbnail():
    assert min(SIZES) * THUMBNAIL / WIDTH >= 15


@given(teaser=st.text(max_size=200), place=st.text(max_size=200), color=colors)
@settings(deadline=None, max_examples=25)
def test_any_text_can_be_drawn(teaser: str, place: str, color: str):
    assert shown(Card(teaser, place, color)).size == (WIDTH, HEIGHT)
