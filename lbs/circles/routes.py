from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from flask.views import MethodView

from lbs.accounts.auth import CUSTOMER, customer
from lbs.circles import service
from lbs.circles.errors import InvitationRefused, PartyNotFound
from lbs.circles.schemas import (
    AddFriendSchema,
    CreatePartySchema,
    FriendInvitationSchema,
    FriendPageSchema,
    FriendSchema,
    PartySchema,
)
from lbs.errors import LbsError
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.guesses import TooManyGuesses, limit_of
from lbs.http.paging import Page, Window, WindowQuerySchema, page

parties = Blueprint("Parties", __name__, description="Customers who check in together")
friends = Blueprint("Friends", __name__, description="Customers who have linked each other")


@parties.route("/v1/parties")
class Parties(MethodView):
    @parties.operation("create_party", CUSTOMER, idempotent=True)
    @parties.arguments(CreatePartySchema)
    @parties.response(201, PartySchema)
    def post(self, body: dict[str, UUID | None]) -> service.PartyView:
        """Start a party; it lasts six hours

        Anybody may name its code at a check-in. Who has started it is not kept, and who has
        checked in under it is told to nobody.
        """
        with transaction() as session:
            return service.start_party(
                session, customer().customer_id, body["venue_id"], secrets.token_bytes, now()
            )


@parties.route("/v1/parties/<party_code>")
class Party(MethodView):
    @parties.operation("read_party", CUSTOMER)
    @parties.response(200, PartySchema)
    def get(self, party_code: str) -> Any:
        """Read how many have checked in under a party's code

        After too many wrong codes the customer has to wait.
        """
        with transaction() as session:
            attempt = service.load_party(
                session, customer().customer_id, party_code, limit_of(settings()), now()
            )
        return _found(attempt, PartyNotFound)


@friends.route("/v1/friend-invitations")
class FriendInvitations(MethodView):
    @friends.operation("create_friend_invitation", CUSTOMER, idempotent=True)
    @friends.response(201, FriendInvitationSchema)
    def post(self) -> service.Invitation:
        """Get a code to give to one friend; it is good for seven days

        Who sends it to `POST /v1/friends` first becomes the customer's friend.
        """
        with transaction() as session:
            return service.invite_friend(
                session, customer().customer_id, vault(), secrets.token_bytes, now()
            )


@friends.route("/v1/friends")
class Friends(MethodView):
    @friends.operation("add_friend", CUSTOMER, idempotent=True)
    @friends.arguments(AddFriendSchema)
    @friends.response(201, FriendSchema)
    def post(self, body: dict[str, str]) -> Any:
        """Become friends with the customer who has given out the code

        Both see the link, under an id that names neither. After too many wrong codes the customer
        has to wait.
        """
        with transaction() as session:
            attempt = service.add_friend(
                session,
                customer().customer_id,
                body["code"],
                vault(),
                limit_of(settings()),
                now(),
            )
        return _found(attempt, InvitationRefused)


@friends.route("/v1/customers/me/friends")
class MyFriends(MethodView):
    @friends.operation("list_friends", CUSTOMER)
    @friends.arguments(WindowQuerySchema, location="query")
    @friends.response(200, FriendPageSchema)
    def get(self, query: dict[str, Window]) -> Page[Any]:
        """List the customer's friends, newest first"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_friends(
                session, customer().customer_id, limit=window.limit + 1, after=window.after
            )
        return page(rows, window, lambda friend: friend.id)


@friends.route("/v1/customers/me/friends/<uuid:friend_id>")
class MyFriend(MethodView):
    @friends.operation("remove_friend", CUSTOMER)
    @friends.response(204)
    def delete(self, friend_id: UUID) -> None:
        """Be friends no more; it ends for both"""
        with transaction() as session:
            service.remove_friend(session, customer().customer_id, friend_id)


def _found(attempt: service.Attempt, refusal: type[LbsError]) -> Any:
    """What the code led to, or the refusal: raised here, where the wrong guess has been kept."""
    if attempt.wait_s:
        raise TooManyGuesses(retry_after=attempt.wait_s)
    if attempt.found is None:
        raise refusal
    return attempt.found
