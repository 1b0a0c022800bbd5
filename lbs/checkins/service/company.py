"""With whom a customer checks in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lbs.circles.service import join_party
from lbs.db import Session
from lbs.http.guesses import GuessLimit


@dataclass(frozen=True, slots=True)
class Company:
    """The party that a check-in is made under, or what is wrong with the code that it names."""

    word: str | None = None
    """One of WORDS; None where no code was named."""
    party_id: UUID | None = None
    venue_id: UUID | None = None
    """Where the party goes; None: anywhere."""

    def at(self, venue_id: UUID) -> Company:
        return self if self.venue_id in (None, venue_id) else Company("other_venue")


ALONE = Company()
WORDS = ("joined", "other_venue", "unknown_code", "too_many_guesses")


def find_company(
    session: Session, customer_id: UUID, party_code: str | None, limit: GuessLimit, now: datetime
) -> Company:
    """A wrong code keeps nobody from checking in, but it is told, and counted."""
    if party_code is None:
        return ALONE
    attempt = join_party(session, customer_id, party_code, limit, now)
    if attempt.found is None:
        return Company("too_many_guesses" if attempt.wait_s else "unknown_code")
    return Company("joined", attempt.found.id, attempt.found.venue_id)
