from lbs.errors import Refused, Unauthenticated


class FacebookTokenRefused(Unauthenticated):
    """Facebook does not vouch for the token, or not to this service's app.

    It may have expired, be of another app or another kind, or the nonce may not be the one that
    it was asked for with. Have the person sign in with Facebook again.
    """

    code = "facebook-token-refused"
    title = "This Facebook token is not good here"


class FacebookAccountTaken(Refused):
    """The person on Facebook is linked to another customer of the same app.

    Sign in with Facebook to be that customer, or remove the link there first.
    """

    code = "facebook-account-taken"
    title = "Another customer signs in with this Facebook account"
