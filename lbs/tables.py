"""Every mapped table, so that foreign keys named as strings resolve. Import it before using any."""

from lbs.accounts import models as accounts
from lbs.app_events import models as app_events
from lbs.audit import models as audit
from lbs.checkins import models as checkins
from lbs.circles import models as circles
from lbs.conversions import models as conversions
from lbs.experiments import models as experiments
from lbs.exports import models as exports
from lbs.facebook_hooks import models as facebook_hooks
from lbs.facebook_login import models as facebook_login
from lbs.facebook_pages import models as facebook_pages
from lbs.http import guesses, idempotency
from lbs.ledger import models as ledger
from lbs.offers import models as offers
from lbs.proofs import models as proofs
from lbs.redemptions import models as redemptions
from lbs.shares import models as shares
from lbs.stats import models as stats
from lbs.unlocks import models as unlocks
from lbs.venues import models as venues
from lbs.webhooks import models as webhooks

__all__ = [
    "accounts",
    "app_events",
    "audit",
    "checkins",
    "circles",
    "conversions",
    "experiments",
    "exports",
    "facebook_hooks",
    "facebook_login",
    "facebook_pages",
    "guesses",
    "idempotency",
    "ledger",
    "offers",
    "proofs",
    "redemptions",
    "shares",
    "stats",
    "unlocks",
    "venues",
    "webhooks",
]
