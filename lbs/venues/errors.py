from lbs.errors import NotFound, NotPermitted, Refused


class VenueNotFound(NotFound):
    """There is no such venue, it is retired, or it is another merchant's."""

    code = "venue-not-found"
    title = "No such venue"


class VenueGroupNotFound(NotFound):
    """There is no such group of venues, or it is another merchant's."""

    code = "venue-group-not-found"
    title = "No such venue group"


class VenueNotAllowed(NotPermitted):
    """The API key is restricted to other venues than this one."""

    code = "venue-not-allowed"
    title = "The API key is not for this venue"


class VenueGroupInUse(Refused):
    """An offer runs, or ran, at this group, and its passes can be redeemed at the group's venues.

    Take the venues out of the group instead, or change where the offer runs.
    """

    code = "venue-group-in-use"
    title = "An offer runs or ran at this group"


class EventNotFound(NotFound):
    """There is no such event, or it is another merchant's."""

    code = "event-not-found"
    title = "No such event"


class EventCancelled(Refused):
    """The event has been cancelled and does not change any more. Create a new one."""

    code = "event-cancelled"
    title = "The event has been cancelled"


class EventTimesRefused(Refused):
    """With the change, the event's `ends_at` would not lie after its `starts_at`, or more than 31
    days after it.
    """

    code = "event-times-refused"
    title = "The event would end before it starts, or last too long"
