from lbs.errors import NotFound


class UnlockNotFound(NotFound):
    """There is no such unlock, or it is another customer's."""

    code = "unlock-not-found"
    title = "No such unlock"
