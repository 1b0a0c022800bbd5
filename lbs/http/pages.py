"""The pages for people: the interface described, and every problem explained."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, abort, current_app, jsonify, redirect, render_template, send_file
from flask.typing import ResponseReturnValue

from lbs.errors import LbsError
from lbs.http.openapi import document
from lbs.http.problems import slug

SWAGGER_FILES = Path(flask_swagger_ui.__file__).parent / "dist"
SERVED = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}

blp = Blueprint(
    "pages",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)


@blp.get("/")
def home() -> ResponseReturnValue:
    return redirect("/docs")


@blp.get("/docs")
def docs() -> ResponseReturnValue:
    return render_template("docs.html")


@blp.get("/docs/<file>")
def swagger(file: str) -> ResponseReturnValue:
    if file not in SERVED:
        abort(404)
    return send_file(SWAGGER_FILES / file, max_age=86400)


@blp.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    api = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    return jsonify(document(api.spec))


@blp.get("/problems/<code>")
def problem_page(code: str) -> ResponseReturnValue:
    explained = {
        slug(status): (status.phrase, slug(status), status.value, [status.description])
        for status in HTTPStatus
        if status >= HTTPStatus.BAD_REQUEST
    } | {kind.code: explain(kind) for kind in problem_kinds()}
    if code not in explained:
        abort(404)
    title, code, status, paragraphs = explained[code]
    return render_template(
        "problem.html", title=title, code=code, status=status, paragraphs=paragraphs
    )


def explain(kind: type[LbsError]) -> tuple[str, str, int, list[str]]:
    """Title, code, HTTP status and the paragraphs of the page of a problem."""
    paragraphs = (inspect.getdoc(kind) or "").split("\n\n")
    return kind.title, kind.code, kind.status.value, [" ".join(text.split()) for text in paragraphs]


def problem_kinds(kind: type[LbsError] = LbsError) -> Iterator[type[LbsError]]:
    """Every leaf of the error tree."""
    for child in kind.__subclasses__():
        if "code" in child.__dict__:
            yield child
        yield from problem_kinds(child)
