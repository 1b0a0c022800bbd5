from lbs.errors import NotFound, Refused


class CodeRefused(Refused):
    """The code cannot be redeemed here now.

    It may be mistyped, unknown, redeemed already, expired, not reserved though it has to be, or for
    another merchant or venue. The answer is the same for all of them, so that it helps nobody to
    guess codes; the merchant finds earlier redemptions at `GET /v1/redemptions`.
    """

    code = "code-refused"
    title = "This code cannot be redeemed"


class RedemptionNotFound(NotFound):
    """There is no such redemption, or it is another merchant's or another venue's."""

    code = "redemption-not-found"
    title = "No such redemption"


class AlreadyReversed(Refused):
    """The redemption was reversed before. The customer's code is good again, if it is not over."""

    code = "already-reversed"
    title = "The redemption has been reversed already"
