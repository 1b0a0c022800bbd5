from http import HTTPStatus

from lbs.errors import LbsError, NotFound, NotPermitted, Refused, Unavailable


class ExportNotFound(NotFound):
    """There is no such export, it is another merchant's, or it holds more venues than your key."""

    code = "export-not-found"
    title = "No such export"


class ExportNotReady(Refused):
    """The export is still being made, or could not be made.

    Ask for it at `GET /v1/stats/exports/{id}`: its file is there once its `state` is `ready`. One
    that has `failed` will not be made; create another.
    """

    code = "export-not-ready"
    title = "The export has no file yet"


class ExportGone(LbsError):
    """The file of the export was kept until `expires_at`, and has been deleted. Create another."""

    status = HTTPStatus.GONE
    code = "export-gone"
    title = "The file of this export has been deleted"


class ExportLinkRefused(NotPermitted):
    """The link is not one that the service signed, not as it was signed, or it has expired.

    Ask for a new one at `POST /v1/stats/exports/{id}/link`.
    """

    code = "export-link-refused"
    title = "This link to an export is not valid"


class ScheduleNotFound(NotFound):
    """There is no such schedule, it is another merchant's, or it takes in more than your key."""

    code = "export-schedule-not-found"
    title = "No such schedule of exports"


class TooManyStreams(Unavailable):
    """As many live streams are open as this process keeps.

    Try again after the seconds in `Retry-After`: streams end by themselves after some minutes.
    """

    code = "too-many-streams"
    title = "There is no room for another live stream"
