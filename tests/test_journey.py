"""The main job, end to end, through the interface."""

from tests.world import World


def test_check_in_unlock_redeem_count(world: World):
    venue = world.venue()
    offer = world.offer(venue)
    customer = world.customer()

    far = world.check_in(customer, venue, north_m=450)
    assert (far["verdict"], far["unlocked"]) == ("rejected", [])
    assert far["reasons"][0]["code"] == "outside_fence"

    inside = world.check_in(customer, venue)
    assert inside["verdict"] == "accepted"
    [unlock] = inside["unlocked"]

    first = world.redeem(unlock["code"], venue, amount_minor=12000)
    assert first.status_code == 201
    assert first.json["terms"] == offer["terms"]
    second = world.redeem(unlock["code"], venue)
    assert (second.status_code, second.json["code"]) == (409, "code-refused")

    world.ask(
        "post", f"/v1/redemptions/{first.json['id']}/reversal", json={"reason": "Wrong order"}
    )
    assert world.redeem(unlock["code"], venue, amount_minor=9000).status_code == 201

    stats = world.totals(f"offers/{offer['id']}")
    assert stats["check_ins"] == {"accepted": 1, "ambiguous": 0, "rejected": 1}
    assert (stats["unlocks"], stats["redemptions"], stats["reversals"]) == (1, 2, 1)
    assert (stats["unique_customers"], stats["new_customers"]) == (1, 1)
    assert stats["money"] == [
        {"currency": "DKK", "value_minor": 3500, "cost_minor": 600, "amount_minor": 9000}
    ]
