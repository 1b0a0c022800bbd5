from lbs.errors import NotFound, Refused


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


class AlreadyVoided(Refused):
    """The check-in was voided before, with everything that had followed from it."""

    code = "already-voided"
    title = "The check-in has been voided already"


class SimulationTooLarge(Refused):
    """A replay looks at a bounded number of visits, in the period and, where the rule asks about
    them, before it.

    Ask for fewer days, or try a rule that looks less far back.
    """

    code = "simulation-too-large"
    title = "There are too many visits to play"
