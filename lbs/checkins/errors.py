from lbs.errors import NotFound, NotPermitted, Refused


class HistoryMoved(Refused):
    """Several check-ins of the same customer at the same venue arrived at once, again and again.

    Nothing was recorded. Send the check-in once more.
    """

    code = "history-moved"
    title = "Other check-ins of this customer were faster"


class CheckInNotFound(NotFound):
    """There is no such check-in, or it is another customer's, or at another merchant's venue."""

    code = "check-in-not-found"
    title = "No such check-in"


class EvidenceNotTaken(Refused):
    """A check-in takes more evidence while it is ambiguous or accepted, and for a few minutes.

    `evidence_until` in its answer says until when. After that, check in anew.
    """

    code = "evidence-not-taken"
    title = "This check-in takes no more evidence"


class StaffElsewhere(NotPermitted):
    """A staff member's key confirms check-ins at the venue it was made for, and at no other."""

    code = "staff-elsewhere"
    title = "This staff member is not at the check-in's venue"


class AlreadyVoided(Refused):
    """The check-in was voided before, with everything that had followed from it."""

    code = "already-voided"
    title = "The check-in has been voided already"
