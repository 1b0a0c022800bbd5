from lbs.errors import NotFound, Refused


class WebhookEndpointNotFound(NotFound):
    """You have no webhook endpoint with this id."""

    code = "webhook-endpoint-not-found"
    title = "No such webhook endpoint"


class WebhookDeliveryNotFound(NotFound):
    """The webhook endpoint has no delivery with this id. They are kept for 30 days."""

    code = "webhook-delivery-not-found"
    title = "No such delivery"


class WebhookEndpointDisabled(Refused):
    """Nothing is sent to a disabled webhook endpoint: set its `status` to `active` first."""

    code = "webhook-endpoint-disabled"
    title = "The webhook endpoint is disabled"


class WebhookEndpointsFull(Refused):
    """A merchant has at most 20 webhook endpoints. Delete one that is not needed any more."""

    code = "webhook-endpoints-full"
    title = "There are too many webhook endpoints"
