from lbs.errors import NotFound, Refused


class ConsentPurposeUnknown(NotFound):
    """There is nothing of this name that a customer could consent to."""

    code = "consent-purpose-unknown"
    title = "No such purpose"


class ConversionsNotSet(NotFound):
    """You send no conversions to Meta: there is no dataset to send them to.

    Name one, with an access token for it, at `PUT /v1/facebook/conversions`.
    """

    code = "conversions-not-set"
    title = "No dataset is set for conversions"


class ConversionsHeld(Refused):
    """Nothing is sent until the dataset is set anew: Meta no longer takes its access token.

    Send a new one at `PUT /v1/facebook/conversions`. What is waiting is sent then.
    """

    code = "conversions-held"
    title = "The access token is no longer good"


class ConversionTokenNeeded(Refused):
    """There is no access token yet that could be kept, so one has to be given."""

    code = "conversion-token-needed"
    title = "An access token is needed"


class ConversionVenueNotFound(NotFound):
    """One of the venues is not yours."""

    code = "conversion-venue-not-found"
    title = "No such venue to tell of"
