from lbs.errors import NotFound, Refused


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


class UnlockNotReservable(Refused):
    """Only an unlock whose offer is claimed before it is redeemed takes a reservation, and only
    while it is not redeemed, expired or voided.
    """

    code = "unlock-not-reservable"
    title = "The unlock takes no reservation"


class NothingLeft(Refused):
    """All that the offer's limits and budget allow is taken or reserved just now.

    The unlock is kept: try again later, as reservations lapse.
    """

    code = "nothing-left"
    title = "There is none left to reserve"


class ReservationNotFound(NotFound):
    """The unlock is not reserved: it never was, or the time of its reservation is over."""

    code = "reservation-not-found"
    title = "No such reservation"


class ReservationNeeded(Refused):
    """The offer is claimed before it is redeemed: reserve the unlock, then its code is shown."""

    code = "reservation-needed"
    title = "The unlock has to be reserved first"
