"""What a merchant may promise: the review of an offer. Pure."""

from lbs.offers.policy.findings import AUDIENCES, Code, Finding, Severity, Text
from lbs.offers.policy.review import (
    ANYONE,
    CAPS,
    CHECKS,
    GOALS,
    Context,
    Draft,
    OtherOffer,
    Place,
    Promotion,
    review,
    stops,
)

__all__ = [
    "ANYONE",
    "AUDIENCES",
    "CAPS",
    "CHECKS",
    "GOALS",
    "Code",
    "Context",
    "Draft",
    "Finding",
    "OtherOffer",
    "Place",
    "Promotion",
    "Severity",
    "Text",
    "review",
    "stops",
]
