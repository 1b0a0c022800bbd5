"""
When an offer opens. Pure: every number is an argument.

A visit is an accepted check-in at the venue; visits are counted per customer and venue. A rule
looks at the history before a check-in and says whether the check-in opens the offer (`look`);
dates, limits and what the customer has had already make the standing of it (`stand`).
"""

from lbs.offers.rules.combined import AllOf, AnyOf, leaves
from lbs.offers.rules.documents import FORBIDDEN, RULES, needs_of, read_rule, write_rule
from lbs.offers.rules.history import History, HourShare, Part
from lbs.offers.rules.hours import Flash, OffPeak
from lbs.offers.rules.look import Look, Pledge, Reach, Rule, Unit, Why
from lbs.offers.rules.people import (
    Friends,
    Party,
    Referred,
    Swarm,
    TopVisitor,
    is_taken_once,
)
from lbs.offers.rules.places import Event, Trail
from lbs.offers.rules.stacking import Candidate, Opened, Policy, Stacking, choose
from lbs.offers.rules.standing import (
    Budget,
    Limits,
    Offer,
    Standing,
    State,
    Take,
    budget_bucket,
    customer_bucket,
    day_bucket,
    is_customers,
    obstacle,
    opens,
    opens_for_others,
    read_limits,
    sold_out,
    stand,
    stand_after,
    taken_by_claim,
    takes_of,
    venue_bucket,
    venue_day_bucket,
    withheld,
)
from lbs.offers.rules.visits import (
    Charity,
    Comeback,
    EveryNthVisit,
    EveryVisit,
    FirstVisit,
    Frequency,
    NthVisit,
    Streak,
)

__all__ = [
    "FORBIDDEN",
    "RULES",
    "AllOf",
    "AnyOf",
    "Budget",
    "Candidate",
    "Charity",
    "Comeback",
    "Event",
    "EveryNthVisit",
    "EveryVisit",
    "FirstVisit",
    "Flash",
    "Frequency",
    "Friends",
    "History",
    "HourShare",
    "Limits",
    "Look",
    "NthVisit",
    "OffPeak",
    "Offer",
    "Opened",
    "Part",
    "Party",
    "Pledge",
    "Policy",
    "Reach",
    "Referred",
    "Rule",
    "Stacking",
    "Standing",
    "State",
    "Streak",
    "Swarm",
    "Take",
    "TopVisitor",
    "Trail",
    "Unit",
    "Why",
    "budget_bucket",
    "choose",
    "customer_bucket",
    "day_bucket",
    "is_customers",
    "is_taken_once",
    "leaves",
    "needs_of",
    "obstacle",
    "opens",
    "opens_for_others",
    "read_limits",
    "read_rule",
    "sold_out",
    "stand",
    "stand_after",
    "taken_by_claim",
    "takes_of",
    "venue_bucket",
    "venue_day_bucket",
    "withheld",
    "write_rule",
]
