from lbs.errors import NotFound


class UnlockNotFound(NotFound):
    """There is no such unlock, or it is another customer's."""

    code = "unlock-not-found"
    title = "No such unlock"


class OfferNotHeld(NotFound):
    """An offer can be flagged by those for whom it has opened, and it has not for you.

    Which offers there are besides, this answer does not say.
    """

    code = "offer-not-held"
    title = "No offer that has opened for the customer"
