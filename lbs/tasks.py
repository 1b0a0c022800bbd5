"""Every background task, so that the worker knows all of them. Importing it registers them."""

from lbs.accounts import jobs as accounts
from lbs.app_events import jobs as app_events
from lbs.checkins import jobs as checkins
from lbs.circles import jobs as circles
from lbs.conversions import jobs as conversions
from lbs.exports import jobs as exports
from lbs.facebook_hooks import jobs as facebook_hooks
from lbs.facebook_login import jobs as facebook_login
from lbs.facebook_pages import jobs as facebook_pages
from lbs.ledger import jobs as ledger
from lbs.redemptions import jobs as redemptions
from lbs.shares import jobs as shares
from lbs.stats import jobs as stats
from lbs.unlocks import jobs as unlocks
from lbs.webhooks import jobs as webhooks

__all__ = [
    "accounts",
    "app_events",
    "checkins",
    "circles",
    "conversions",
    "exports",
    "facebook_hooks",
    "facebook_login",
    "facebook_pages",
    "ledger",
    "redemptions",
    "shares",
    "stats",
    "unlocks",
    "webhooks",
]
