from __future__ import annotations

from typing import Any
from uuid import UUID

from flask.views import MethodView

from lbs.accounts.auth import merchant, merchant_with
from lbs.http.api import Blueprint
from lbs.http.context import now, transaction
from lbs.stats import service
from lbs.stats.schemas import (
    ComparisonQuerySchema,
    ComparisonSchema,
    ExperimentResultsSchema,
    OfferSeriesQuerySchema,
    OfferTotalsQuerySchema,
    PledgesSchema,
    SeriesQuerySchema,
    SeriesSchema,
    SwitchbackQuerySchema,
    SwitchbackSchema,
    TotalsQuerySchema,
    TotalsSchema,
    VenueEffectQuerySchema,
    VenueEffectSchema,
)
from lbs.stats.service import experiments, venues

STATS = merchant_with("stats")

blp = Blueprint("Stats", __name__, description="What happened, counted from the ledger")


@blp.route("/v1/stats/offers/<uuid:offer_id>")
class OfferTotals(MethodView):
    @blp.operation("read_offer_stats", STATS)
    @blp.arguments(OfferTotalsQuerySchema, location="query")
    @blp.response(200, TotalsSchema)
    def get(self, query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
        """Read an offer's funnel, in all or at one venue"""
        with transaction() as session:
            scope = service.offer_scope(session, merchant(), offer_id, **_until_now(query))
            return service.totals(session, scope)


@blp.route("/v1/stats/offers/<uuid:offer_id>/series")
class OfferSeries(MethodView):
    @blp.operation("read_offer_series", STATS)
    @blp.arguments(OfferSeriesQuerySchema, location="query")
    @blp.response(200, SeriesSchema)
    def get(self, query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
        """Read an offer's funnel by hour, day or week in the venue's time zone"""
        by, time_zone = query.pop("by"), query.pop("time_zone")
        with transaction() as session:
            scope = service.offer_scope(session, merchant(), offer_id, **query)
            return service.series(session, scope, by=by, time_zone=time_zone)


@blp.route("/v1/stats/offers/<uuid:offer_id>/pledges")
class OfferPledges(MethodView):
    @blp.operation("read_offer_pledges", STATS)
    @blp.arguments(OfferTotalsQuerySchema, location="query")
    @blp.response(200, PledgesSchema)
    def get(self, query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
        """Read what the merchant owes to good causes by an offer, in all or at one venue

        Each unlock of an offer with the rule `charity` is a pledge, redeemed or not; a voided
        check-in's is taken off.
        """
        with transaction() as session:
            scope = service.offer_scope(session, merchant(), offer_id, **_until_now(query))
            return service.pledges(session, scope)


@blp.route("/v1/offers/<uuid:offer_id>/comparison")
class OfferComparison(MethodView):
    @blp.operation("compare_offers", STATS)
    @blp.arguments(ComparisonQuerySchema, location="query")
    @blp.response(200, ComparisonSchema)
    def get(self, query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
        """Compare an offer with its copies: which terms differ, and what came of each

        Up to ten others are named as `with`, be they copies or not.
        """
        offer_ids = [offer_id, *query.pop("others")]
        with transaction() as session:
            return service.compare(session, merchant(), offer_ids, **_until_now(query))


@blp.route("/v1/stats/venues/<uuid:venue_id>")
class VenueTotals(MethodView):
    @blp.operation("read_venue_stats", STATS)
    @blp.arguments(TotalsQuerySchema, location="query")
    @blp.response(200, TotalsSchema)
    def get(self, query: dict[str, Any], venue_id: UUID) -> dict[str, Any]:
        """Read a venue's funnel over all its offers"""
        with transaction() as session:
            scope = service.venue_scope(session, merchant(), venue_id, **_until_now(query))
            return service.totals(session, scope)


@blp.route("/v1/stats/venues/<uuid:venue_id>/series")
class VenueSeries(MethodView):
    @blp.operation("read_venue_series", STATS)
    @blp.arguments(SeriesQuerySchema, location="query")
    @blp.response(200, SeriesSchema)
    def get(self, query: dict[str, Any], venue_id: UUID) -> dict[str, Any]:
        """Read a venue's funnel by hour, day or week in its time zone"""
        by, time_zone = query.pop("by"), query.pop("time_zone")
        with transaction() as session:
            scope = service.venue_scope(session, merchant(), venue_id, **query)
            return service.series(session, scope, by=by, time_zone=time_zone)


@blp.route("/v1/stats/experiments/<uuid:experiment_id>")
class ExperimentResults(MethodView):
    @blp.operation("read_experiment_results", STATS)
    @blp.response(200, ExperimentResultsSchema)
    def get(self, experiment_id: UUID) -> dict[str, Any]:
        """Read whether an offer causes visits, and which version of it does best

        Means for each exposed customer whose horizon is over, of each arm, and their differences
        with intervals that hold however often one looks. The verdict follows the rule that was
        stated before the start.
        """
        with transaction() as session:
            return experiments.read_results(session, merchant(), experiment_id, now())


@blp.route("/v1/stats/offers/<uuid:offer_id>/venue-effect")
class OfferVenueEffect(MethodView):
    @blp.operation("read_venue_effect", STATS)
    @blp.arguments(VenueEffectQuerySchema, location="query")
    @blp.response(200, VenueEffectSchema)
    def get(self, query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
        """Read what an offer did to the visits of its venues, and of those around them

        For offers of which no customer can be held out. Each of its venues is compared with those
        of the merchant's others that were most like it in the eight weeks before: by how much more
        its visits changed.
        """
        with transaction() as session:
            return venues.read_venue_effect(session, merchant(), offer_id, **_until_now(query))


@blp.route("/v1/stats/offers/<uuid:offer_id>/switchback")
class OfferSwitchback(MethodView):
    @blp.operation("read_switchback", STATS)
    @blp.arguments(SwitchbackQuerySchema, location="query")
    @blp.response(200, SwitchbackSchema)
    def get(self, plan: venues.Switchback, offer_id: UUID) -> dict[str, Any]:
        """Draw when an offer is on and off at venues by turns, and read what it does

        The same question gives the same draw. The merchant switches the offer as drawn, by its
        `venue_ids`; the blocks are compared as they were drawn.
        """
        with transaction() as session:
            return venues.read_switchback(session, merchant(), offer_id, plan, now())


def _until_now(query: dict[str, Any]) -> dict[str, Any]:
    return {**query, "end": query["end"] or now()}
