"""Marshmallow fields and schema that take nothing a database or a client would choke on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate
from marshmallow_oneofschema import OneOfSchema

MIN_YEAR, MAX_YEAR = 2000, 2200
MAX_BIGINT = 2**63 - 1


class Flawed(str):
    """An error text that also names the rule that was broken."""

    __slots__ = ("rule",)
    rule: str

    @classmethod
    def by(cls, rule: str, text: str) -> Flawed:
        flawed = cls(text)
        flawed.rule = rule
        return flawed


class Schema(ma.Schema):
    class Meta:
        unknown = ma.RAISE


class String(fields.String):
    """Text that PostgreSQL can store: no NUL, no half of a surrogate pair."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs))
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise ma.ValidationError("Text may not contain NUL or lone surrogates.")
        return text


class Presented(fields.Nested):
    """A document of a schema that is put in as it goes out, with no value left to be turned.

    For long lists on a hot path: field by field, a tenth of a check-in went into twenty offers.
    """

    def _serialize(self, *given: Any, **_: Any) -> Any:
        return given[0]


class Word(String):
    """One of a few words: a named enum in the document."""

    def __init__(self, component: str, words: Iterable[str], **kwargs: Any) -> None:
        self.component, self.words = component, tuple(words)
        super().__init__(validate=validate.OneOf(self.words), **kwargs)


_NOT_BLANK = r"[^\s\u001c-\u001f\u0085]"
"""What Python takes for blank too, and ECMA 262, whose patterns JSON Schema's are, does not."""


def text(max_length: int, **kwargs: Any) -> String:
    """A line or paragraph of at least one and at most so many characters."""
    metadata = {"pattern": _NOT_BLANK, **kwargs.pop("metadata", {})}
    return String(
        validate=[validate.Length(min=1, max=max_length), _not_blank], metadata=metadata, **kwargs
    )


def _not_blank(value: str) -> None:
    if not value.strip():
        raise ma.ValidationError("May not be blank.")


class Integer(fields.Integer):
    """A JSON integer that fits a bigint: 2.0 is one, as in JSON Schema; text and true are not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        if abs(value) > MAX_BIGINT:
            raise self.make_error("too_large", input=value)
        return value


class Float(fields.Float):
    """A finite JSON number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if type(value) not in (int, float):
            raise self.make_error("invalid", input=value)
        try:
            number = float(value)
        except OverflowError:
            raise self.make_error("too_large", input=value) from None
        if not math.isfinite(number):
            raise self.make_error("special")
        return number


class Boolean(fields.Boolean):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return value


class Timestamp(fields.AwareDateTime):
    """RFC 3339 with an offset; handed on and written in UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        moment: datetime = super()._deserialize(value, attr, data, **kwargs)
        if not MIN_YEAR <= moment.year <= MAX_YEAR:
            raise ma.ValidationError(f"The year must lie from {MIN_YEAR} to {MAX_YEAR}.")
        return moment.astimezone(UTC)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else rfc3339(value)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class OneOf(OneOfSchema):
    """A tagged union: the tag `kind` names the member; documented with a discriminator."""

    type_field = "kind"
    type_field_remove = False

    def get_obj_type(self, obj: Any) -> str:
        return str(
            obj[self.type_field] if isinstance(obj, Mapping) else getattr(obj, self.type_field)
        )

    def _load(self, data: Any, **kwargs: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ma.ValidationError({"_schema": ["Must be an object."]})
        tag = data.get(self.type_field)
        if tag is None:
            raise ma.ValidationError({self.type_field: ["Missing data for required field."]})
        if not isinstance(tag, str) or tag not in self.type_schemas:
            known = ", ".join(self.type_schemas)
            raise ma.ValidationError({self.type_field: [f"Must be one of: {known}."]})
        return super()._load(data, **kwargs)


class Tag(fields.Constant[str]):
    """A constant that has to be there."""

    def _validate_missing(self, value: Any) -> None:
        if value is ma.missing:
            raise self.make_error("required")
        super()._validate_missing(value)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if value != self.constant:
            raise ma.ValidationError(f"Must be {self.constant}.")
        return self.constant


def tag(name: str) -> Tag:
    """The tag of a union's member, in the schema of that member."""
    return Tag(name, required=True, metadata={"type": "string"})
