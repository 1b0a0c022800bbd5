from datetime import timedelta

import pytest

from lbs.graph.policy import (
    Action,
    Usage,
    action_of,
    action_of_unread,
    parse_usage,
    rest_after,
)

ACTIONS = [
    (Action.RETRY, 400, 1, None),
    (Action.RETRY, 500, 2, None),
    (Action.RETRY, 503, None, None),
    (Action.RETRY, None, None, None),
    (Action.RETRY, 500, 99999, None),
    *((Action.PAUSE, 400, code, None) for code in (4, 17, 32, 341, 613, 80001, 80004)),
    (Action.PAUSE, 400, 4, 1504022),
    (Action.PAUSE, 400, 613, 1996),
    (Action.PAUSE, 429, None, None),
    (Action.REAUTHORISE, 400, 102, None),
    (Action.REAUTHORISE, 401, 190, None),
    *((Action.REAUTHORISE, 400, 190, sub) for sub in (458, 459, 460, 463, 464, 467, 492)),
    (Action.REAUTHORISE, 500, 190, 460),
    (Action.REAUTHORISE, 400, 100, 492),
    *((Action.NO_PERMISSION, 403, code, None) for code in (3, 10, 200, 250, 299)),
    (Action.BLOCKED, 400, 368, None),
    (Action.DUPLICATE, 400, 506, 1455006),
    (Action.RESCRAPE, 400, 1609005, None),
    (Action.RESCRAPE, 400, 100, 1609005),
    (Action.REFUSED, 400, 100, None),
    (Action.REFUSED, 400, 100, 33),
    (Action.REFUSED, 404, 803, None),
    (Action.REFUSED, 400, 300, None),
    (Action.REFUSED, 400, None, None),
]


@pytest.mark.parametrize(("action", "status", "code", "subcode"), ACTIONS)
def test_a_code_asks_for_an_action(action, status, code, subcode):
    assert action_of(status, code, subcode) is action


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (Action.PAUSE, 429),
        *((Action.RETRY, status) for status in (200, 302, 400, 403, 404, 500, 502, 503, 504)),
    ],
)
def test_without_a_document_only_the_status_says_anything(action, status):
    assert action_of_unread(status) is action


BUSINESS = "X-Business-Use-Case-Usage"
USED = [
    ({}, 0, 0),
    ({"X-App-Usage": '{"call_count":28,"total_time":25,"total_cputime":25}'}, 28, 0),
    ({"x-app-usage": '{"call_count":28,"total_time":97.5,"total_cputime":25}'}, 97.5, 0),
    ({"X-Page-Usage": '{"call_count":81}'}, 81, 0),
    (
        {
            BUSINESS: '{"1":[{"type":"pages","call_count":97,"total_cputime":23,"total_time":23,'
            '"estimated_time_to_regain_access":7}]}'
        },
        97,
        7,
    ),
    (
        {
            BUSINESS: '{"1":[{"call_count":99,"estimated_time_to_regain_access":3}],'
            '"1":[{"call_count":1,"estimated_time_to_regain_access":0}]}'
        },
        99,
        3,
    ),
    ({"X-App-Usage": '{"call_count":10}', "X-Page-Usage": '{"call_count":60}'}, 60, 0),
    ({BUSINESS: '{"1":[{"estimated_time_to_regain_access":900000}]}'}, 0, 1440),
    ({"X-App-Usage": "{"}, 0, 0),
    ({"X-App-Usage": "[" * 100_000}, 0, 0),
    ({"X-App-Usage": '{"call_count":NaN,"total_time":"99","total_cputime":true}'}, 0, 0),
    ({"X-App-Usage": '{"call_count":-1,"total_time":1' + "0" * 400 + "}"}, 0, 0),
]


@pytest.mark.parametrize(("headers", "percent", "minutes"), USED)
def test_usage_is_read_from_every_header(headers, percent, minutes):
    assert parse_usage(headers) == Usage(percent, timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("percent", "regain", "rest"),
    [(0, 0, 0), (79.9, 0, 0), (80, 0, 1), (94, 0, 1), (95, 0, 15), (100, 0, 15), (97, 7, 7)],
)
def test_a_short_budget_is_spared(percent, regain, rest):
    usage = Usage(percent, timedelta(minutes=regain))
    assert rest_after(usage) == timedelta(minutes=rest)
