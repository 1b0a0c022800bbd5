from lbs.errors import NotFound, NotPermitted, Refused, Unauthenticated


class ScopeMissing(NotPermitted):
    """The API key is good, but it does not have the scope that the operation needs.

    API keys themselves are managed with an owner's key: one with every scope and no
    restriction to venues. Create a key with the scope you need at `POST /v1/api-keys`.
    """

    code = "scope-missing"
    title = "The API key lacks the scope for this"


class KeyNotFound(NotFound):
    """There is no such API key, or it is another merchant's."""

    code = "key-not-found"
    title = "No such API key"


class VenuesNotYours(NotFound):
    """A key can only be restricted to venues of its own merchant; one of those given is not."""

    code = "key-venue-not-found"
    title = "No such venue to restrict the key to"


class BackendKeyNeeded(NotPermitted):
    """An `external_id` is taken on trust, so it needs the app's backend key.

    The publishable key, which every phone has, registers customers by device only.
    """

    code = "backend-key-needed"
    title = "Only the app's backend may name an external_id"


class RefreshTokenRefused(Unauthenticated):
    """The refresh token is unknown, expired, revoked, or was used before.

    A refresh token is good for one use. Using it a second time revokes every token that came
    from the same registration, because one of the two users has stolen it: register again.
    """

    code = "refresh-token-refused"
    title = "This refresh token is no longer good"


class KeyInUse(Refused):
    """The key that you are using cannot revoke itself: you would be locked out.

    Create another key and revoke this one with it, or rotate it.
    """

    code = "key-in-use"
    title = "A key cannot revoke itself"


class CustomerGone(Unauthenticated):
    """The access token was good, but its customer has been erased since."""

    code = "customer-gone"
    title = "This customer has been erased"


class PseudonymUnknown(NotFound):
    """No customer goes by this pseudonym with you.

    A customer's pseudonym is as you read it in findings and with wristbands. Each merchant has
    pseudonyms of its own, and those of an erased customer lead to nobody.
    """

    code = "pseudonym-unknown"
    title = "No such customer"


class StandingNotFound(NotFound):
    """You have set no standing for this customer, who is treated like everybody else."""

    code = "standing-not-found"
    title = "The customer has no standing"
