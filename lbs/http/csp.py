"""What a page may load: by its Content-Security-Policy, only what the service itself serves."""

from __future__ import annotations

import base64
import hashlib

UNFRAMED = "frame-ancestors 'none'"
"""Only a header can say this."""

HEADER = "Content-Security-Policy"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; "
    f"base-uri 'none'; {UNFRAMED}"
)


def self_contained(style: str) -> str:
    """Of a page that may be kept as a file: it loads nothing, and has this style inside."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
