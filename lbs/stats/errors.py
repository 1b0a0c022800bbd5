from lbs.errors import Refused


class NoTurns(Refused):
    """The offer's schedule has no turns, so there are no blocks with and without it to compare.

    Give it some: `turns` in its `schedule`.
    """

    code = "no-turns"
    title = "The offer takes no turns"


class TimeZoneNeeded(Refused):
    """The offer runs at venues in several time zones, or at none, so a day means nothing yet.

    Say with `time_zone` in whose days you want the series.
    """

    code = "time-zone-needed"
    title = "Say in which time zone"
