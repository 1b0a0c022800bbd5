from lbs.errors import Refused


class HistoryMoved(Refused):
    """Several check-ins of the same customer at the same venue arrived at once, again and again.

    Nothing was recorded. Send the check-in once more.
    """

    code = "history-moved"
    title = "Other check-ins of this customer were faster"
