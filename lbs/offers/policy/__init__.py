"""What a merchant may promise: the review of an offer. Pure."""

from lbs.offers.policy.findings import Code, Finding, Severity, Text
from lbs.offers.policy.review import (
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
