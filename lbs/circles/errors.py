from lbs.errors import NotFound, Refused


class PartyNotFound(NotFound):
    """There is no party of this code, or its six hours are over. Start another."""

    code = "party-not-found"
    title = "No such party"


class InvitationRefused(Refused):
    """The code links you to nobody: it is mistyped, over after seven days, used, or your own.

    A code links one friend. Ask for another one.
    """

    code = "friend-invitation-refused"
    title = "This invitation cannot be used"


class FriendsFull(Refused):
    """A customer has at most 500 friends, and one of you two has as many already."""

    code = "friends-full"
    title = "One of the two has too many friends"


class FriendNotFound(NotFound):
    """You have no such friend. Either of two friends can end it for both."""

    code = "friend-not-found"
    title = "No such friend"
