from lbs.errors import Refused


class TimeZoneNeeded(Refused):
    """The offer runs at venues in several time zones, or at none, so a day means nothing yet.

    Say with `time_zone` in whose days you want the series.
    """

    code = "time-zone-needed"
    title = "Say in which time zone"
