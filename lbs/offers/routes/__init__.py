"""Offers, and the public promotions that they are compared with."""

from lbs.offers.routes import copies, offers, promotions, reviews, stacking
from lbs.offers.routes.notices import notices
from lbs.offers.routes.offers import blp
from lbs.offers.routes.staff_sheets import pages

__all__ = ["blp", "copies", "notices", "offers", "pages", "promotions", "reviews", "stacking"]
