from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from lbs.http.fields import Integer, Schema, Word
from lbs.offers.rules.stacking import Policy, Stacking

MAX_PER_CHECK_IN = 100


class SetStackingSchema(Schema):
    example = {"policy": "best_for_customer", "max_per_check_in": 2}  # noqa: RUF012

    policy = Word("StackingPolicy", list(Policy), required=True)
    max_per_check_in = Integer(
        allow_none=True,
        validate=validate.Range(1, MAX_PER_CHECK_IN),
        metadata={
            "description": "How many offers may open at one check-in; null: as many as there are. "
            "Left out: as many as there are with the policy all, else 1"
        },
    )

    @ma.post_load
    def make(self, data: dict[str, Any], **_: Any) -> Stacking:
        policy = Policy(data["policy"])
        default = None if policy is Policy.ALL else 1
        return Stacking(policy, data.get("max_per_check_in", default))


class StackingSchema(Schema):
    """What may open together at one check-in."""

    example = {"policy": "best_for_customer", "max_per_check_in": 2}  # noqa: RUF012

    policy = Word("StackingPolicy", list(Policy), required=True)
    max_per_check_in = fields.Integer(required=True, allow_none=True)
