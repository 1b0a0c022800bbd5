"""flask-smorest, speaking problem+json, with security, idempotency and paging as declarations."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import copy
from functools import wraps
from http import HTTPStatus
from typing import Any

import flask_smorest
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask, Response, request
from flask_smorest.utils import prepare_response
from marshmallow import Schema, ValidationError, missing
from marshmallow.fields import Constant, Field
from webargs.flaskparser import FlaskParser, abort
from werkzeug.exceptions import HTTPException

from lbs.errors import LbsError
from lbs.http import idempotency, strict_json
from lbs.http.auth import Security, admit
from lbs.http.fields import OneOf, Word
from lbs.http.problems import PROBLEM_JSON, ProblemSchema, field_errors, from_domain, problem, slug

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


class StrictParser(FlaskParser):
    """Reads the body with strict_json, and says what it is when it is not JSON."""

    def load_json(self, req: Any, schema: Schema) -> Any:
        raw = req.get_data()
        if not raw:
            abort(HTTPStatus.BAD_REQUEST, description="The request needs a JSON body.")
        if not req.is_json:
            abort(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            return strict_json.loads(raw)
        except ValueError as error:
            abort(HTTPStatus.BAD_REQUEST, description=str(error))


class Blueprint(flask_smorest.Blueprint):
    """Adds `operation`, which stands outermost on a view and declares what surrounds it."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(self._prepare_operation_doc)

    def arguments(self, schema: Any, **options: Any) -> Any:
        """One instance of the schema for all requests: making one costs as much as using it."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)

    def operation(
        self,
        name: str,
        security: Security | None = None,
        *,
        idempotent: bool = False,
        versioned: bool = False,
        max_bytes: int | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Name the operation, admit its caller and, if idempotent, carry it out once a key."""

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                if max_bytes:
                    request.max_content_length = max_bytes
                if security:
                    admit(security)
                if idempotent:
                    return idempotency.once(lambda: view(*args, **kwargs))
                return view(*args, **kwargs)

            wrapper._apidoc = {  # type: ignore[attr-defined]  # noqa: SLF001
                **getattr(view, "_apidoc", {}),
                "operation": (name, security, idempotent, versioned),
            }
            return wrapper

        return decorate

    @staticmethod
    def _prepare_operation_doc(
        doc: dict[str, Any], info: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
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


class Api(flask_smorest.Api):
    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = "Problem"

    def init_app(self, app: Flask, **kwargs: Any) -> None:
        super().init_app(app, spec_kwargs={"marshmallow_plugin": UnionPlugin()}, **kwargs)
        app.register_error_handler(LbsError, from_domain)
        app.register_error_handler(ValidationError, _invalid)
        self.spec.components.parameter(
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
        self.spec.components.parameter(
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
        self.spec.components.header(
            ETAG,
            {
                "description": "The version of what was read or written: send it as `If-Match`",
                "required": True,
                "schema": {"type": "string"},
                "example": '"1"',
            },
            lazy=True,
        )

    def handle_http_exception(self, error: HTTPException) -> Response:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        data = getattr(error, "data", None) or {}
        messages = data.get("messages")
        detail = data.get("description") or (
            None if messages or status >= HTTPStatus.INTERNAL_SERVER_ERROR else error.description
        )
        response = problem(
            status=status,
            code=slug(status),
            title=status.phrase,
            detail=detail,
            **({"errors": field_errors(messages)} if messages else {}),
        )
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            self._register(status.name, status.phrase)
        self._register(self.DEFAULT_ERROR_RESPONSE_NAME, "Why the request was not carried out")

    def _register_pagination_header(self) -> None:
        """Pages carry their cursor in the body."""

    def _register(self, name: str, description: str) -> None:
        response: dict[str, Any] = {"description": description, "schema": self.ERROR_SCHEMA}
        prepare_response(response, self.spec, PROBLEM_JSON)
        self.spec.components.response(name, response, lazy=True)


def _invalid(error: ValidationError) -> Response:
    """What a view finds wrong with the body after its schema has passed it."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    errors = field_errors({"json": error.normalized_messages()})
    return problem(status=status, code=slug(status), title=status.phrase, errors=errors)


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
