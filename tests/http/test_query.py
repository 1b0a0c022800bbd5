"""Query parameters: what is not known is refused by name, and cursors are opaque."""

import pytest

from tests.world import World


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limt": "5"}, "limt"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "not a cursor"}, "cursor"),
        ({"status": "closed"}, "status"),
    ],
)
def test_a_bad_query_parameter_is_named(world: World, query, parameter):
    answer = world.call("get", "/v1/venues", world.key, query_string=query)

    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json["errors"]] == [parameter]


def test_pages_follow_one_another_without_gap_or_repeat(world: World):
    ids = [world.venue(name=f"Venue {n}")["id"] for n in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = world.ask("get", "/v1/venues", query_string=query)
        seen += [venue["id"] for venue in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert seen == ids
