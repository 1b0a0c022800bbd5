"""flask-smorest, speaking problem+json, with security, idempotency and paging as declarations."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Flask, Response, request
from flask_smorest.utils import prepare_response
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser, abort
from werkzeug.exceptions import HTTPException

from lbs.errors import LbsError
from lbs.http import idempotency, openapi, strict_json
from lbs.http.auth import Security, admit
from lbs.http.problems import PROBLEM_JSON, ProblemSchema, field_errors, from_domain, problem, slug


class StrictParser(FlaskParser):
    """Reads the body with strict_json, and says what it is when it is not JSON."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
    }

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
        before: Callable[[], None] | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Name the operation, admit its caller and, if idempotent, carry it out once a key.

        `before` is where another server is asked: no transaction is open yet. A request that was
        answered before does not ask again.
        """

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                if max_bytes:
                    request.max_content_length = max_bytes
                if security:
                    admit(security)
                if before and not (idempotent and idempotency.is_answered()):
                    before()
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
        return openapi.describe(doc, info)


class Api(flask_smorest.Api):
    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = "Problem"

    def init_app(self, app: Flask, **kwargs: Any) -> None:
        super().init_app(app, spec_kwargs={"marshmallow_plugin": openapi.UnionPlugin()}, **kwargs)
        app.register_error_handler(LbsError, from_domain)
        app.register_error_handler(ValidationError, _invalid)
        openapi.register_components(self.spec)

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
