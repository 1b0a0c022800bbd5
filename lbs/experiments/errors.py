from lbs.errors import NotFound, Refused


class ExperimentNotFound(NotFound):
    """The offer has no such experiment, or is another merchant's."""

    code = "experiment-not-found"
    title = "No such experiment"


class ArmNotFound(NotFound):
    """The experiment has no arm of that name with terms to promote; the holdout has none."""

    code = "experiment-arm-not-found"
    title = "No such arm"


class ExperimentRunning(Refused):
    """One experiment runs on an offer at a time. Stop the other first."""

    code = "experiment-running"
    title = "Another experiment runs on the offer"


class ExperimentStatusRefused(Refused):
    """An experiment starts once, and stops once. One arm of it can be promoted, once, when it has
    started.
    """

    code = "experiment-status-refused"
    title = "The experiment cannot do that from where it is"


class BaselineMissing(Refused):
    """How many customers it takes is reckoned from what customers did at the offer's venues in
    eight weeks. There were none, or all of them did the same: no redemption, say. Run the offer for
    some weeks first, or choose another metric.
    """

    code = "experiment-baseline-missing"
    title = "There is nothing to plan with yet"
