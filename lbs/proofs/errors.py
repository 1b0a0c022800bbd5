from lbs.errors import NotFound, Refused


class ProofNotFound(NotFound):
    """There is no such proof at this venue, it is revoked, or it is another merchant's.

    A poster can only be read of a `poster_code`.
    """

    code = "venue-proof-not-found"
    title = "No such proof at this venue"


class TagRegistered(Refused):
    """One of your venues has this NFC tag already.

    Read which in the list of its proofs. To move the tag, revoke it there first; to give it new
    keys, rotate it.
    """

    code = "nfc-tag-registered"
    title = "This NFC tag is registered already"


class PinTaken(Refused):
    """Another staff member of the venue has this PIN. Choose another, or have one made."""

    code = "pin-taken"
    title = "This PIN is not free"


class WristbandNotFound(NotFound):
    """There is no such wristband, or it is another merchant's or another customer's."""

    code = "wristband-not-found"
    title = "No such wristband"


class WristbandTaken(Refused):
    """The tag is bound to a customer, or was reported lost.

    Unbind it first: `DELETE /v1/wristbands/{wristband_id}`. A tag that was lost stays blocked
    until then, whoever holds it.
    """

    code = "wristband-taken"
    title = "This tag is bound or blocked already"


class WristbandUnbound(Refused):
    """The wristband was given back, and is nobody's: there is nothing to report lost."""

    code = "wristband-unbound"
    title = "This wristband is not bound to anybody"


class ReceiptRefused(Refused):
    """The receipt does not show that the customer has just checked in with you.

    It is expired, of another merchant's venue, not a receipt of this service, or its check-in has
    been voided or its customer erased since. Let the customer check in again, and bind the tag with
    the new receipt.
    """

    code = "receipt-refused"
    title = "This receipt does not count here"
