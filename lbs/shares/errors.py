from lbs.errors import NotFound, Refused


class OfferNotRunning(NotFound):
    """There is no such offer, or it is not active, or its time is over."""

    code = "offer-not-running"
    title = "No such offer is running"


class ShareNotFound(NotFound):
    """Nobody has shared an offer by this token."""

    code = "share-not-found"
    title = "No such share"


class ReferralRefused(Refused):
    """The share is your own, or your visit to this offer has been credited to a share already.

    A customer's visit is credited once for an offer, and never to the customer.
    """

    code = "referral-refused"
    title = "This share cannot be credited"
