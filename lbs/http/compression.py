"""Pages go out compressed to whoever can read it (RFC 9110, 12.5.3)."""

from __future__ import annotations

import gzip

from flask import Response, request

LEVEL = 6


def compress(response: Response) -> Response:
    """With gzip where the caller takes it; the same page gives the same bytes."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") > 0:
        response.set_data(gzip.compress(response.get_data(), LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
