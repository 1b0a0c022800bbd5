"""Wrong guesses of secrets, counted in the database: exact on many machines, over restarts too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from lbs.config import Settings
from lbs.db import Model, Session, Statement
from lbs.errors import Throttled


class TooManyGuesses(Throttled):
    """Too many wrong codes came from this caller, or at this venue, within a few minutes.

    Every code is refused until the seconds in `Retry-After` have passed, right ones too.
    """

    code = "too-many-guesses"
    title = "Too many refused codes"


class GuessCounter(Model):
    """Wrong guesses of one guesser, or at one place, since the window began."""

    __tablename__ = "guess_counter"
    bucket: Mapped[str] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column(index=True)
    refused: Mapped[int]


@dataclass(frozen=True, slots=True)
class GuessLimit:
    """How many wrong guesses a guesser may have in a window."""

    refused: int
    window: timedelta

    def wait_s(self, since: datetime, now: datetime) -> int:
        """Whole seconds until the window that began then is over, one at least."""
        return max(1, math.ceil((since + self.window - now).total_seconds()))


def limit_of(settings: Settings) -> GuessLimit:
    return GuessLimit(settings.guess_limit, settings.guess_window)


COUNT_GUESS = """
    INSERT INTO guess_counter (bucket, began_at, refused)
    SELECT bucket, :now, 1 FROM unnest(CAST(:guessers AS text[])) AS bucket ORDER BY bucket
    ON CONFLICT (bucket) DO UPDATE SET
        refused = CASE WHEN guess_counter.began_at > :window_start
                       THEN guess_counter.refused + 1 ELSE 1 END,
        began_at = CASE WHEN guess_counter.began_at > :window_start
                        THEN guess_counter.began_at ELSE excluded.began_at END
    RETURNING bucket, began_at, refused
"""
"""One wrong guess more for each of the guessers."""

_GIVEN = "unnest(CAST(:guessers AS text[]), CAST(:limits AS bigint[])) AS given(bucket, most)"

FIND_WAIT = Statement(f"""
    SELECT max(began_at) AS since FROM guess_counter JOIN {_GIVEN} USING (bucket)
    WHERE guess_counter.began_at > :window_start AND guess_counter.refused >= given.most
""")

COUNT = Statement(f"""
    WITH counted AS ({COUNT_GUESS})
    SELECT max(began_at) AS since FROM counted JOIN {_GIVEN} USING (bucket)
    WHERE counted.refused > given.most
""")


def wait_s(session: Session, guessers: Mapping[str, int], limit: GuessLimit, now: datetime) -> int:
    """The seconds that they have to wait; 0 where they may guess.

    Each guesser may be wrong as many times the limit as the mapping says.
    """
    return _wait_s(FIND_WAIT, session, guessers, limit, now)


def count_guess(
    session: Session, guessers: Mapping[str, int], limit: GuessLimit, now: datetime
) -> int:
    """Count a wrong guess; where that is more than the limit allows, the seconds to wait."""
    return _wait_s(COUNT, session, guessers, limit, now)


def delete_old_counters(session: Session, *, now: datetime, window: timedelta) -> int:
    rows = session.execute(
        text("DELETE FROM guess_counter WHERE began_at <= :before RETURNING 1"),
        {"before": now - window},
    ).all()
    return len(rows)


def forget_guesser(session: Session, guesser_id: UUID) -> None:
    """Counters end with whose they are."""
    session.execute(
        text("DELETE FROM guess_counter WHERE bucket LIKE :ending"), {"ending": f"% {guesser_id}"}
    )


def _wait_s(
    statement: Statement,
    session: Session,
    guessers: Mapping[str, int],
    limit: GuessLimit,
    now: datetime,
) -> int:
    values = {
        "guessers": list(guessers),
        "limits": [times * limit.refused for times in guessers.values()],
        "window_start": now - limit.window,
        "now": now,
    }
    since = statement.one(session, values).since
    return limit.wait_s(since, now) if since else 0
