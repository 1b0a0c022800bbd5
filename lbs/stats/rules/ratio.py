"""Whether the arms have the shares of the customers that they were to have.

Where they have not, something makes customers of one arm appear more often than those of another,
and the arms cannot be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import gammaln  # type: ignore[import-untyped]

ALPHA = 0.01
"""So seldom the check stops an experiment that is in order, however often one looks."""
CONCENTRATION = 500
"""Of the shares that are held possible beside the planned ones: those a few points off."""


def is_mismatch(counts: Sequence[int], shares: Sequence[float]) -> bool:
    return mismatch_p(counts, shares) <= ALPHA


def mismatch_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    """A p-value for the planned shares, one count for each, that holds at every look.

    Lindon and Malek, Anytime-valid inference for multinomial count data, Advances in Neural
    Information Processing Systems 35 (2022): one over the Bayes factor of Dirichlet-distributed
    shares against the planned ones, which by Ville's inequality ever falls to alpha with a
    probability of alpha at most.
    """
    prior = [CONCENTRATION * share for share in shares]
    log_factor = gammaln(CONCENTRATION) - gammaln(CONCENTRATION + sum(counts))
    for count, weight, share in zip(counts, prior, shares, strict=True):
        log_factor += gammaln(weight + count) - gammaln(weight) - count * math.log(share)
    return math.exp(min(-float(log_factor), 0.0))
