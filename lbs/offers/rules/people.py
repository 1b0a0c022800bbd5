"""Rules about the others at the venue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from lbs.offers.rules.combined import leaves
from lbs.offers.rules.history import History, Part
from lbs.offers.rules.look import Look, Reach, Rule, Unit, Why, condition, toward

SWARM = "swarm"


@dataclass(frozen=True, slots=True)
class TopVisitor:
    """Opens at every visit of the customer with the most days here in the LEADER_DAYS before today.

    So it stands all day who it is, whoever else comes. Of those with equally many days, who had
    them first is the top visitor; who is the second to reach them has to come once more.
    """

    kind: ClassVar[str] = "top_visitor"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.LEADER})

    def look(self, history: History) -> Look:
        own, best = history.own_days, history.best_other_days
        target = best if 0 < best == own and _was_first(history) else best + 1
        return toward(own, own, target, Why.NOT_TOP, Unit.DAYS)


def _was_first(history: History) -> bool:
    own_at, other_at = history.own_reached_at, history.best_other_reached_at
    return bool(own_at and other_at and own_at < other_at)


@dataclass(frozen=True, slots=True)
class Swarm:
    """Opens for so many a day at a venue, when so many are there: for them, all at once.

    Whoever is there counts, also who cannot have it: that one's place is left for the next to come.
    So it is not who comes last that says how many have it.
    """

    kind: ClassVar[str] = "swarm"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.PRESENT, Part.WINDOWS})
    n: int
    """The customer included."""

    def look(self, history: History) -> Look:
        here, bucket = history.present, swarm_bucket(history)
        look = toward(here + history.is_here, here + 1, self.n, Why.MORE_PEOPLE, Unit.PEOPLE)
        look = replace(look, buckets=((bucket, self.n),), opens_for=Reach.PRESENT)
        is_over = history.taken.get(bucket, 0) >= self.n
        return replace(look, why=Why.ALREADY_TODAY) if is_over else look


def swarm_bucket(history: History) -> str:
    return f"{SWARM} {history.today.isoformat()} venue {history.venue_id}"


def is_kept(bucket: str) -> bool:
    """Whether what an unlock takes from the counter is never given back.

    A swarm has been there, whatever becomes of its unlocks.
    """
    return bucket.startswith(SWARM)


@dataclass(frozen=True, slots=True)
class Party:
    """Opens when so many customers have checked in under one party code: for all of them.

    Who joins later has it at once; each has it once.
    """

    kind: ClassVar[str] = "party"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.PARTY})
    n: int
    """The customer included."""

    def look(self, history: History) -> Look:
        if history.party is None:
            return Look(0, 0, self.n, Unit.PEOPLE, Why.NO_PARTY)
        look = toward(history.party, history.party + 1, self.n, Why.MORE_PEOPLE, Unit.PEOPLE)
        why = Why.ONLY_ONCE if history.opened_in_party else look.why
        return replace(look, why=why, opens_for=Reach.PARTY)


@dataclass(frozen=True, slots=True)
class Friends:
    """Opens for a customer who is here with so many friends; the customer is not counted.

    Who came before them has it when the last of so many comes: see `brought`.
    """

    kind: ClassVar[str] = "friends"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.FRIENDS})
    n: int

    def look(self, history: History) -> Look:
        here = history.friends_present
        return toward(here, here, self.n, Why.MORE_FRIENDS, Unit.FRIENDS)


AT_OWN_CHECK_INS: Mapping[str, Any] = MappingProxyType({"referred": False, "friends_sent": 0})
"""What a friend's coming leaves out of one's history: what shares have brought opens offers at the
customer's own check-ins alone."""


def brought(rule: Rule, before: History, comer: History, *, same_party: bool) -> Look | None:
    """What a friend's coming opens the rule with for one who is here; None: nothing that is new.

    `before` is the history of that one's check-in, if it were made now. `comer` is the friend's,
    who was not here; of others, either sees as many.
    """
    after = replace(
        before,
        friends_present=before.friends_present + 1,
        present=comer.present,
        party=comer.party if same_party else before.party,
    )
    look = rule.look(after)
    return look if look.opens and not rule.look(before).opens else None


def friends_asked(rule: Rule) -> int:
    """With fewer friends here, no coming of one more opens the rule."""
    return min(leaf.n for leaf in leaves(rule) if isinstance(leaf, Friends)) - 1


@dataclass(frozen=True, slots=True)
class Referred:
    """Opens at the verified check-in of a customer whom a friend's share has brought."""

    kind: ClassVar[str] = "referred"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.REFERRAL})

    def look(self, history: History) -> Look:
        return condition(None if history.referred else Why.NOT_REFERRED)


@dataclass(frozen=True, slots=True)
class Referrer:
    """Opens at a check-in of a customer whose shares have brought so many friends.

    Each opening of the offer uses so many of them up; those beyond count toward the next. A friend
    counts once, however often they come and whichever of the merchant's offers was shared.
    """

    kind: ClassVar[str] = "referrer"
    needs: ClassVar[frozenset[Part]] = frozenset({Part.OPENED, Part.FRIENDS_SENT})
    n: int

    def look(self, history: History) -> Look:
        unused = max(0, history.friends_sent - self.n * history.openings)
        return toward(unused, unused, self.n, Why.MORE_FRIENDS_SENT, Unit.FRIENDS)
