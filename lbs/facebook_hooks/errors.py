from lbs.errors import NotPermitted


class FacebookHandshakeRefused(NotPermitted):
    """Meta asks with the verify token that the operator has set, and this was another."""

    code = "facebook-handshake-refused"
    title = "The verify token is not this service's"
