from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask.views import MethodView

from lbs.accounts.auth import merchant, merchant_with
from lbs.http.api import Blueprint
from lbs.http.context import now, transaction
from lbs.http.etag import check_version, expected_version, tagged
from lbs.http.paging import Page, Window, WindowQuerySchema, page
from lbs.http.problems import field_errors
from lbs.venues import queries, service
from lbs.venues.schemas import (
    ChangeEventSchema,
    ChangeVenueGroupSchema,
    ChangeVenueSchema,
    CreateEventSchema,
    CreateVenueGroupSchema,
    CreateVenueSchema,
    EventListQuerySchema,
    EventPageSchema,
    EventSchema,
    FeatureCollectionSchema,
    ImportQuerySchema,
    ImportReportSchema,
    VenueGroupPageSchema,
    VenueGroupSchema,
    VenueListQuerySchema,
    VenuePageSchema,
    VenueSchema,
    read_feature,
    refuse_swapped,
)

VENUES = merchant_with("venues")
IMPORT_MAX_BYTES = 32 * 1024 * 1024

blp = Blueprint("Venues", __name__, description="Places with a fence, and groups of them")
events = Blueprint("Events", __name__, description="Dated happenings at a venue")


@blp.route("/v1/venues")
class Venues(MethodView):
    @blp.operation("list_venues", VENUES)
    @blp.arguments(VenueListQuerySchema, location="query")
    @blp.response(200, VenuePageSchema)
    def get(self, query: dict[str, Any]) -> Page[service.VenueView]:
        """List the merchant's venues, in the order they were made"""
        window: Window = query["window"]
        with transaction() as session:
            rows = service.list_venues(
                session,
                merchant().merchant_id,
                status=query["status"],
                limit=window.limit + 1,
                after=window.after,
            )
        return page(rows, window, lambda venue: venue.id)

    @blp.operation("create_venue", VENUES, idempotent=True)
    @blp.arguments(CreateVenueSchema)
    @blp.response(201, VenueSchema)
    def post(self, command: service.CreateVenue) -> Any:
        """Create a venue

        The fence is a GeoJSON Polygon or MultiPolygon, or a circle of 10 to 10,000 m. A refused
        fence says which rule it breaks (`closed`, `simple`, `empty`, `range`, `order`, `area`,
        `antimeridian`, ...) and where.
        """
        with transaction() as session:
            venue = service.create_venue(session, merchant().merchant_id, command, now())
        return tagged(venue, 201)


@blp.route("/v1/venues/import")
class VenueImport(MethodView):
    @blp.operation("import_venues", VENUES, idempotent=True, max_bytes=IMPORT_MAX_BYTES)
    @blp.arguments(ImportQuerySchema, location="query")
    @blp.arguments(FeatureCollectionSchema)
    @blp.response(201, ImportReportSchema)
    def post(self, query: dict[str, str], collection: dict[str, Any]) -> dict[str, Any]:
        """Import up to 5,000 venues from GeoJSON

        With `mode=all_or_nothing`, one refused feature refuses the whole file, and the problem
        lists every refused feature. With `mode=each`, the others are created and the refused ones
        reported.
        """
        commands, messages = _read(collection["features"])
        if messages and query["mode"] == "all_or_nothing":
            raise ma.ValidationError({"features": messages})
        with transaction() as session:
            created = service.create_venues(session, merchant().merchant_id, commands, now())
        names = [_name(feature) for feature in collection["features"]]
        refused = [
            {"index": index, "name": names[index], "errors": field_errors({"json": tree})}
            for index, tree in messages.items()
        ]
        return {"created": created, "refused": refused}


@blp.route("/v1/venues/<uuid:venue_id>")
class Venue(MethodView):
    @blp.operation("read_venue", VENUES)
    @blp.response(200, VenueSchema)
    def get(self, venue_id: UUID) -> Any:
        """Read a venue; its version is the ETag"""
        with transaction() as session:
            venue = service.load_venue(session, venue_id, merchant().merchant_id)
        return tagged(venue)

    @blp.operation("change_venue", VENUES, versioned=True)
    @blp.arguments(ChangeVenueSchema)
    @blp.response(200, VenueSchema)
    def patch(self, command: service.ChangeVenue, venue_id: UUID) -> Any:
        """Change the members that are given; send the ETag you read as If-Match"""
        expected = expected_version()

        def check(found: Any) -> None:
            check_version(found, expected)
            _check_fence(command, command.changes.get("time_zone", found.time_zone))

        with transaction() as session:
            venue = service.change_venue(
                session,
                venue_id=venue_id,
                merchant_id=merchant().merchant_id,
                command=command,
                check=check,
                now=now(),
            )
        return tagged(venue)

    @blp.operation("retire_venue", VENUES)
    @blp.response(204)
    def delete(self, venue_id: UUID) -> None:
        """Retire a venue: no more check-ins, its history and numbers stay"""
        with transaction() as session:
            service.retire_venue(
                session, venue_id=venue_id, merchant_id=merchant().merchant_id, now=now()
            )


@blp.route("/v1/venue-groups")
class VenueGroups(MethodView):
    @blp.operation("list_venue_groups", VENUES)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, VenueGroupPageSchema)
    def get(self, query: dict[str, Window]) -> Page[Any]:
        """List the merchant's venue groups"""
        window = query["window"]
        with transaction() as session:
            rows = queries.list_groups(
                session, merchant().merchant_id, limit=window.limit + 1, after=window.after
            )
        return page(rows, window, lambda group: group.id)

    @blp.operation("create_venue_group", VENUES, idempotent=True)
    @blp.arguments(CreateVenueGroupSchema)
    @blp.response(201, VenueGroupSchema)
    def post(self, command: service.WriteGroup) -> Any:
        """Create a named group of venues; an offer can run at a group"""
        with transaction() as session:
            group = service.create_group(session, merchant().merchant_id, command, now())
        return tagged(group, 201)


@blp.route("/v1/venue-groups/<uuid:group_id>")
class VenueGroup(MethodView):
    @blp.operation("read_venue_group", VENUES)
    @blp.response(200, VenueGroupSchema)
    def get(self, group_id: UUID) -> Any:
        """Read a venue group; its version is the ETag"""
        with transaction() as session:
            group = service.load_group(session, group_id, merchant().merchant_id)
        return tagged(group)

    @blp.operation("change_venue_group", VENUES, versioned=True)
    @blp.arguments(ChangeVenueGroupSchema)
    @blp.response(200, VenueGroupSchema)
    def patch(self, command: service.WriteGroup, group_id: UUID) -> Any:
        """Change a group's name or all its venues; send the ETag you read as If-Match"""
        expected = expected_version()
        with transaction() as session:
            group = service.change_group(
                session,
                group_id=group_id,
                merchant_id=merchant().merchant_id,
                command=command,
                check=lambda found: check_version(found, expected),
                now=now(),
            )
        return tagged(group)

    @blp.operation("delete_venue_group", VENUES)
    @blp.response(204)
    def delete(self, group_id: UUID) -> None:
        """Delete a group that no offer runs at; its venues stay"""
        with transaction() as session:
            service.delete_group(
                session, group_id=group_id, merchant_id=merchant().merchant_id, now=now()
            )


@events.route("/v1/events")
class Events(MethodView):
    @events.operation("list_events", VENUES)
    @events.arguments(EventListQuerySchema, location="query")
    @events.response(200, EventPageSchema)
    def get(self, query: dict[str, Any]) -> Page[service.EventView]:
        """List the merchant's events, newest first"""
        window: Window = query["window"]
        with transaction() as session:
            rows = service.list_events(
                session,
                merchant().merchant_id,
                venue_id=query["venue_id"],
                status=query["status"],
                limit=window.limit + 1,
                after=window.after,
            )
        return page(rows, window, lambda event: event.id)

    @events.operation("create_event", VENUES, idempotent=True)
    @events.arguments(CreateEventSchema)
    @events.response(201, EventSchema)
    def post(self, command: service.CreateEvent) -> Any:
        """Create an event at a venue

        It lasts at most 31 days. Its fence, where it has one of its own, counts instead of the
        venue's while it lasts.
        """

        def check(venue: service.VenueView) -> None:
            _check_fence(command, venue.time_zone)

        with transaction() as session:
            event = service.create_event(session, merchant().merchant_id, command, check, now())
        return tagged(event, 201)


@events.route("/v1/events/<uuid:event_id>")
class Event(MethodView):
    @events.operation("read_event", VENUES)
    @events.response(200, EventSchema)
    def get(self, event_id: UUID) -> Any:
        """Read an event; its version is the ETag"""
        with transaction() as session:
            event = service.load_event(session, event_id, merchant().merchant_id)
        return tagged(event)

    @events.operation("change_event", VENUES, versioned=True)
    @events.arguments(ChangeEventSchema)
    @events.response(200, EventSchema)
    def patch(self, command: service.ChangeEvent, event_id: UUID) -> Any:
        """Change the members that are given; send the ETag you read as If-Match"""
        expected = expected_version()

        def check(event: Any, venue: service.VenueView) -> None:
            check_version(event, expected)
            _check_fence(command, venue.time_zone)

        with transaction() as session:
            event = service.change_event(
                session,
                event_id=event_id,
                merchant_id=merchant().merchant_id,
                command=command,
                check=check,
                now=now(),
            )
        return tagged(event)

    @events.operation("cancel_event", VENUES)
    @events.response(204)
    def delete(self, event_id: UUID) -> None:
        """Cancel an event: no more check-ins at it, those made stay"""
        with transaction() as session:
            service.cancel_event(
                session, event_id=event_id, merchant_id=merchant().merchant_id, now=now()
            )


def _check_fence(command: Any, time_zone: str) -> None:
    if command.fence is not None:
        refuse_swapped(command.fence, time_zone=time_zone)


def _read(features: list[Any]) -> tuple[list[service.CreateVenue], dict[int, Any]]:
    commands, messages = [], {}
    for index, feature in enumerate(features):
        try:
            commands.append(read_feature(feature))
        except ma.ValidationError as error:
            messages[index] = error.normalized_messages()
    return commands, messages


def _name(feature: Any) -> str | None:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return name[:200] if isinstance(name, str) else None
