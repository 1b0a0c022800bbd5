from lbs.errors import NotFound, Refused


class FacebookPageNotFound(NotFound):
    """You have no connected Page with this id; or the person has no part in the Page that is to be
    connected.
    """

    code = "facebook-page-not-found"
    title = "No such Facebook Page"


class FacebookPostNotFound(NotFound):
    """The offer has no Facebook post with this id."""

    code = "facebook-post-not-found"
    title = "No such Facebook post"


class FacebookPersonRefused(Refused):
    """Facebook does not take the person's token: it is expired, taken back or of another app.

    Have the person log in with Facebook again, and send the new token.
    """

    code = "facebook-person-refused"
    title = "Facebook does not take the person's token"


class FacebookPermissionMissing(Refused):
    """The person has not given the service all permissions, or may not create content on the Page.

    Ask for `pages_show_list`, `pages_manage_posts`, `pages_read_engagement` and
    `pages_manage_metadata`.
    """

    code = "facebook-permission-missing"
    title = "A permission on Facebook is missing"


class FacebookPageNotConnected(Refused):
    """Nothing can be posted to this Page until it is connected again: read its `status`."""

    code = "facebook-page-not-connected"
    title = "The Facebook Page is not connected"


class FacebookPostTimeRefused(Refused):
    """`publish_at` has to be in the future, within 30 days, and before the offer ends."""

    code = "facebook-post-time-refused"
    title = "The Facebook post cannot be published at that time"
