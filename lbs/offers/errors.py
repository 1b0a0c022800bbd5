from collections.abc import Sequence
from typing import Any

from lbs.errors import NotFound, Refused


class OfferNotFound(NotFound):
    """There is no such offer, or it is another merchant's."""

    code = "offer-not-found"
    title = "No such offer"


class PlaceNotFound(NotFound):
    """An offer runs at venues and venue groups of its own merchant; one of those given is not."""

    code = "offer-place-not-found"
    title = "No such venue or venue group for the offer"


class NoticeNotFound(NotFound):
    """There is no such notice, or it is another merchant's."""

    code = "notice-not-found"
    title = "No such notice"


class StatusRefused(Refused):
    """An offer goes from draft to active, between active and paused, and from any of them to
    ended, which is final.
    """

    code = "offer-status-refused"
    title = "The offer cannot go to that status from where it is"


class OfferNotReady(Refused):
    """An offer is reviewed when it is activated, and when it is changed while it is active. Errors
    that the review finds stop either. Each of `errors` says what it is (`rule`), which member of
    the offer it is about (`pointer`), and what would mend it.

    `GET /v1/offers/{id}/review` reviews an offer at any time, and tells warnings too. To change an
    active offer in more than one step, pause it first.
    """

    code = "offer-not-ready"
    title = "The review of the offer found errors"

    def __init__(self, findings: Sequence[Any], detail: str | None = None) -> None:
        super().__init__(detail)
        self.findings = findings


class OfferEnded(Refused):
    """The offer has ended and does not change any more. Create a new one."""

    code = "offer-ended"
    title = "The offer has ended"


class OfferInExperiment(Refused):
    """While an experiment runs on the offer, its terms stay as they are, or its arms would not be
    compared under the same conditions. Where the offer runs, and whether, can be changed.

    Stop the experiment first, or promote one of its arms.
    """

    code = "offer-in-experiment"
    title = "An experiment runs on the offer"


class DatesRefused(Refused):
    """With the change, the offer's `valid_from` would not lie before its `valid_to`."""

    code = "offer-dates-refused"
    title = "The offer would end before it starts"


class PromotionNotFound(NotFound):
    """There is no such promotion, or it is another merchant's."""

    code = "promotion-not-found"
    title = "No such promotion"


class PromotionDatesRefused(Refused):
    """With the change, the promotion's `starts_on` would lie after its `ends_on`."""

    code = "promotion-dates-refused"
    title = "The promotion would end before it starts"
