from __future__ import annotations

from lbs.errors import Unauthenticated, Unavailable
from lbs.graph.policy import Action, Usage


class FacebookNotConfigured(Unavailable):
    """This service has no Facebook app, or not what this operation needs of one.

    Its operator sets it up; everything else works without it.
    """

    code = "facebook-not-configured"
    title = "Facebook is not set up here"


class FacebookUnavailable(Unavailable):
    """Facebook could not be reached, did not answer in time, or asks for fewer requests.

    Nothing was changed here. Try again after the seconds in `Retry-After`.
    """

    code = "facebook-unavailable"
    title = "Facebook does not answer just now"


class BadSignature(Unauthenticated):
    """The request is not signed by Facebook with the secret of this service's app."""

    code = "facebook-signature-invalid"
    title = "Facebook has not signed this"


class GraphError(Exception):
    """A call that did not succeed, in our words: Meta's own may hold tokens."""

    def __init__(
        self,
        action: Action,
        problem: str,
        *,
        code: int | None = None,
        subcode: int | None = None,
        trace_id: str | None = None,
        usage: Usage = Usage(),  # noqa: B008
    ) -> None:
        super().__init__(f"{problem} ({action})")
        self.action, self.problem = action, problem
        self.code, self.subcode = code, subcode
        self.trace_id = trace_id
        """`fbtrace_id`, by which Meta's support finds the call."""
        self.usage = usage
