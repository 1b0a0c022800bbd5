"""
Everything the service may refuse, and how HTTP says it.

LbsError
├── Unauthenticated   401
├── NotPermitted      403
├── NotFound          404   also for what the caller may not know exists
├── Refused           409   well-formed, but a rule or the present state says no
├── Outdated          412   the caller changed a version that is no longer the newest
├── Throttled         429
└── Unavailable       503

422 is never raised by hand: it means the payload failed its schema.

A leaf owns a code and a title; its docstring is its public page.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar


class LbsError(Exception):
    status: ClassVar[HTTPStatus]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.extra = extra


class Unauthenticated(LbsError):
    status = HTTPStatus.UNAUTHORIZED


class NotPermitted(LbsError):
    status = HTTPStatus.FORBIDDEN


class NotFound(LbsError):
    status = HTTPStatus.NOT_FOUND


class Refused(LbsError):
    status = HTTPStatus.CONFLICT


class Outdated(LbsError):
    status = HTTPStatus.PRECONDITION_FAILED


class Throttled(LbsError):
    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(LbsError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
