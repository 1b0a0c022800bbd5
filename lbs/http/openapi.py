"""How the interface is described: unions, named words, examples, and the document itself."""

from __future__ import annotations

import json
from copy import copy
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, missing
from marshmallow.fields import Constant, Field

from lbs.http import idempotency
from lbs.http.fields import OneOf, Word

IDEMPOTENCY_KEY, IF_MATCH, ETAG = "IdempotencyKey", "IfMatch", "ETag"
ORDER = ("openapi", "info", "servers", "tags", "paths", "components")
OPERATION_ORDER = (
    "operationId",
    "summary",
    "description",
    "tags",
    "security",
    "parameters",
    "requestBody",
    "responses",
)


def describe(doc: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """An operation's part of the document, from what `Blueprint.operation` was told."""
    name, security, idempotent, versioned = info["operation"]
    doc["operationId"] = name
    words = info["docstring"]
    text = flow(words.get("description", ""))
    if security:
        doc["security"] = [{security.scheme: []}]
    if security and security.scope:
        text = f"{text}\n\nNeeds the scope `{security.scope}`.".strip()
    if text:
        words["description"] = text
    if idempotent:
        doc.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    if versioned:
        doc.setdefault("parameters", []).append(IF_MATCH)
    doc["responses"] = {
        status: _with_version(answer)
        for status, answer in doc["responses"].items()
        if str(status) < "4" or status == "default"
    }
    return doc


def register_components(spec: APISpec) -> None:
    """The headers that many operations share."""
    spec.components.parameter(
        IDEMPOTENCY_KEY,
        "header",
        {
            "name": idempotency.HEADER,
            "required": True,
            "description": "A fresh random value; the same one when the same request is sent "
            "again. Answers are kept for 24 hours.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": idempotency.MAX_KEY_LENGTH,
            },
        },
        lazy=True,
    )
    spec.components.parameter(
        IF_MATCH,
        "header",
        {
            "name": "If-Match",
            "required": True,
            "description": "The `ETag` that came with what you read",
            "schema": {"type": "string"},
            "example": '"1"',
        },
        lazy=True,
    )
    spec.components.header(
        ETAG,
        {
            "description": "The version of what was read or written: send it as `If-Match`",
            "required": True,
            "schema": {"type": "string"},
            "example": '"1"',
        },
        lazy=True,
    )


def flow(text: str) -> str:
    """The paragraphs of a text, each on one line: Markdown breaks lines as it likes."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def _with_version(answer: Any) -> Any:
    """An answer whose body has a version says it in its ETag too."""
    content = answer.get("content", {}) if isinstance(answer, dict) else {}
    schema = content.get("application/json", {}).get("schema")
    if isinstance(schema, Schema) and "version" in schema.fields:
        return {**answer, "headers": {"ETag": ETAG}}
    return answer


class UnionConverter(OpenAPIConverter):
    """Documents a OneOf as oneOf with a discriminator over named components."""

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        if not isinstance(schema, OneOf):
            return {**super().schema2jsonschema(schema), **_documented(schema)}
        members = {
            name: self.resolve_nested_schema(member) for name, member in schema.type_schemas.items()
        }
        return {
            **_documented(schema),
            "oneOf": list(members.values()),
            "discriminator": {
                "propertyName": schema.type_field,
                "mapping": {name: ref["$ref"] for name, ref in members.items()},
            },
        }

    def init_attribute_functions(self) -> None:
        super().init_attribute_functions()
        self.attribute_functions.append(_constant)

    def field2property(self, field: Field[Any]) -> dict[str, Any]:
        """A word of a fixed list is a named component; examples and patterns as in 3.1."""
        prop: dict[str, Any] = super().field2property(field)
        if "example" in prop:
            prop["examples"] = [prop.pop("example")]
        if "pattern" in prop:
            prop["pattern"] = prop["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
        return self._named(field, prop) if isinstance(field, Word) else prop

    def _named(self, field: Word, prop: dict[str, Any]) -> dict[str, Any]:
        components = self.spec.components
        if field.component not in components.schemas:
            components.schema(field.component, {"type": "string", "enum": list(field.words)})
        ref = components.get_ref("schema", field.component)
        kept = {name: prop[name] for name in ("description", "default") if name in prop}
        return {**({"anyOf": [ref, {"type": "null"}]} if field.allow_none else ref), **kept}

    def _field2parameter(self, field: Field[Any], *, name: str, location: str) -> dict[str, Any]:
        """A parameter is there or it is not: it is never null."""
        if field.load_default is None:
            field = copy(field)
            field.allow_none, field.load_default = False, missing
        parameter: dict[str, Any] = super()._field2parameter(field, name=name, location=location)
        if examples := parameter["schema"].pop("examples", None):
            parameter["example"] = examples[0]
        return parameter


def _documented(schema: Schema) -> dict[str, Any]:
    """The class's own docstring and its `example`, if it has them."""
    doc = type(schema).__dict__.get("__doc__")
    example = type(schema).__dict__.get("example")
    return {
        **({"description": " ".join(doc.split())} if doc else {}),
        **({"examples": [example]} if example is not None else {}),
    }


def _constant(field: Field[Any], **__: Any) -> dict[str, Any]:
    """A union's tag: a constant, and always there."""
    return {"const": field.constant} if isinstance(field, Constant) else {}


class UnionPlugin(MarshmallowPlugin):
    Converter = UnionConverter


def document(spec: APISpec) -> dict[str, Any]:
    """The OpenAPI document as plain JSON values, for a file or an answer."""
    plain: dict[str, Any] = json.loads(json.dumps(spec.to_dict()))
    plain["info"]["description"] = flow(plain["info"]["description"])
    plain["paths"] = {
        path: {
            name: _ordered(item, OPERATION_ORDER) if isinstance(item, dict) else item
            for name, item in sorted(items.items(), key=lambda pair: pair[0] != "parameters")
        }
        for path, items in plain["paths"].items()
    }
    return _ordered(plain, ORDER)


def _ordered(members: dict[str, Any], order: tuple[str, ...]) -> dict[str, Any]:
    return {name: members[name] for name in order if name in members}
