"""What goes in and out of offers and of promotions."""

from lbs.offers.schemas.offers import (
    MAX_MINOR,
    ChangeOfferSchema,
    CreateOfferSchema,
    OfferListQuerySchema,
    OfferPageSchema,
    OfferSchema,
    RewardSchema,
    RuleSchema,
    SetOfferStatusSchema,
)

__all__ = [
    "MAX_MINOR",
    "ChangeOfferSchema",
    "CreateOfferSchema",
    "OfferListQuerySchema",
    "OfferPageSchema",
    "OfferSchema",
    "RewardSchema",
    "RuleSchema",
    "SetOfferStatusSchema",
]
