from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import flask
from flask import Response, make_response, render_template
from flask.views import MethodView

from lbs.accounts.auth import merchant, merchant_with
from lbs.db import Session
from lbs.http import csp
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction
from lbs.http.fields import Schema
from lbs.http.languages import language
from lbs.stats import service
from lbs.stats.rules.report.data import ReportData
from lbs.stats.rules.report.page import Page
from lbs.stats.schemas import (
    ComparisonQuerySchema,
    ComparisonSchema,
    CustomersSchema,
    ExperimentResultsSchema,
    FunnelQuerySchema,
    FunnelSchema,
    HoursQuerySchema,
    HoursSchema,
    MoneyStatsSchema,
    OfferFunnelQuerySchema,
    OfferHoursQuerySchema,
    OfferPeriodQuerySchema,
    OfferRetentionQuerySchema,
    OfferSeriesQuerySchema,
    PeriodQuerySchema,
    PledgesSchema,
    ReportQuerySchema,
    RetentionQuerySchema,
    RetentionSchema,
    SeriesQuerySchema,
    SeriesSchema,
    ShareStatsSchema,
    SwitchbackSchema,
    VenueEffectQuerySchema,
    VenueEffectSchema,
)
from lbs.stats.service import experiments, venues
from lbs.stats.service.report import ReportPeriod, load_report

STATS = merchant_with("stats")

HTML = "text/html"

blp = Blueprint(
    "Stats",
    __name__,
    description="What happened, counted from the ledger",
    root_path=flask.helpers.get_root_path("lbs.stats"),
    template_folder="templates",
)
STYLE = Path(blp.root_path, "templates", "report.css").read_text()
POLICY = csp.self_contained(STYLE)


@contextmanager
def reading() -> Iterator[Session]:
    """A transaction that sees everything as of one moment."""
    with transaction() as session:
        service.snapshot(session)
        yield session


# --- the same answers about an offer, a venue, a group, and all of the merchant's --------------

SUBJECTS: dict[str, tuple[str, Callable[..., service.Scope], str]] = {
    "offer": ("/v1/stats/offers/<uuid:offer_id>", service.offer_scope, "of an offer"),
    "venue": ("/v1/stats/venues/<uuid:venue_id>", service.venue_scope, "at a venue"),
    "group": ("/v1/stats/groups/<uuid:group_id>", service.group_scope, "at a group of venues"),
    "merchant": ("/v1/stats", service.merchant_scope, "of the merchant's, in all"),
}
"""Where, whose, and in words."""


def _about(
    answer: str,
    asked: tuple[type[Schema], type[Schema]],
    answered: type[Schema],
    compute: Callable[..., dict[str, Any]],
    text: str,
) -> None:
    """A view for each subject; of an offer, which may be asked of one venue, with its own query."""
    for subject, (path, find_scope, whose) in SUBJECTS.items():
        of_offer, of_others = asked
        query_schema = of_offer if subject == "offer" else of_others

        def get(
            self: MethodView,
            query: dict[str, Any],
            _find_scope: Callable[..., service.Scope] = find_scope,
            **subject_id: UUID,
        ) -> dict[str, Any]:
            period = {"start": query.pop("start"), "end": query.pop("end") or now()}
            if "venue_id" in query:
                period["venue_id"] = query.pop("venue_id")
            with reading() as session:
                scope = _find_scope(
                    session,
                    merchant(),
                    *subject_id.values(),
                    **period,
                    min_group=settings().stats_min_group,
                )
                return compute(session, scope, **query)

        get.__doc__ = text.format(whose=whose)
        view = blp.response(200, answered)(get)
        view = blp.arguments(query_schema, location="query")(view)
        view = blp.operation(f"read_{subject}_{answer}", STATS)(view)
        name = f"{subject.title()}{answer.title()}"
        blp.route(f"{path}/{answer}")(type(name, (MethodView,), {"get": view}))


def _funnel(session: Session, scope: service.Scope, **query: Any) -> dict[str, Any]:
    return service.funnel(session, scope, by=query["by"], previous=query["compare"] is not None)


_about(
    "funnel",
    (OfferFunnelQuerySchema, FunnelQuerySchema),
    FunnelSchema,
    _funnel,
    """Read the funnel {whose}: from being seen to coming again

    Broken down with `by`, and with the period before with `compare`. Groups of too few customers
    are put together as `other`.
    """,
)
_about(
    "series",
    (OfferSeriesQuerySchema, SeriesQuerySchema),
    SeriesSchema,
    service.series,
    """Read the counts {whose} by hour, day, week or month

    In the venue's time zone, or in the one given. Buckets without facts are there too.
    """,
)
_about(
    "money",
    (OfferPeriodQuerySchema, PeriodQuerySchema),
    MoneyStatsSchema,
    service.money,
    """Read the money {whose}: value, cost, revenue, and rates""",
)
_about(
    "retention",
    (OfferRetentionQuerySchema, RetentionQuerySchema),
    RetentionSchema,
    service.retention,
    """Read the retention {whose}: whether new customers come again

    By week or month. A customer is new in the period of their first visit to a venue there.
    """,
)
_about(
    "hours",
    (OfferHoursQuerySchema, HoursQuerySchema),
    HoursSchema,
    service.hours,
    """Read the hours {whose}: a map of weekdays and hours""",
)
_about(
    "customers",
    (OfferPeriodQuerySchema, PeriodQuerySchema),
    CustomersSchema,
    service.customers,
    """Read the customers {whose}: how many, and how often""",
)


# --- beside -----------------------------------------------------------------------------------


@blp.route("/v1/stats/offers/<uuid:offer_id>/pledges")
class OfferPledges(MethodView):
    @blp.operation("read_offer_pledges", STATS)
    @blp.arguments(OfferPeriodQuerySchema, location="query")
    @blp.response(200, PledgesSchema)
    def get(self, query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
        """Read what the merchant owes to good causes by an offer, in all or at one venue

        Each unlock of an offer with the rule `charity` is a pledge, redeemed or not; a voided
        check-in's is taken off.
        """
        with reading() as session:
            scope = service.offer_scope(session, merchant(), offer_id, **_until_now(query))
            return service.pledges(session, scope)


@blp.route("/v1/stats/offers/<uuid:offer_id>/shares")
class OfferShares(MethodView):
    @blp.operation("read_offer_shares", STATS)
    @blp.arguments(PeriodQuerySchema, location="query")
    @blp.response(200, ShareStatsSchema)
    def get(self, query: dict[str, Any], offer_id: UUID) -> dict[str, Any]:
        """Read what an offer's links have brought: people, verified visits, redemptions

        Needs a key that is not restricted to venues. A redemption belongs to the time at which
        it was made, whenever its link was.
        """
        with reading() as session:
            return service.shares(session, merchant(), offer_id, **_until_now(query))


@blp.route("/v1/stats/offers/<uuid:offer_id>/report")
class OfferReport(MethodView):
    @blp.operation("read_offer_report", STATS)
    @blp.arguments(ReportQuerySchema, location="query")
    @blp.response(200, {"type": "string"}, content_type=HTML)
    def get(self, query: dict[str, Any], offer_id: UUID) -> Response:
        """Get a report to open, keep or print: funnel, days, money, venues and lift

        One page of HTML with everything in it: pictures, the numbers beside each, and in words
        what they mean. It loads nothing, so it can be kept as a file and sent on.
        """
        with reading() as session:
            data = load_report(
                session,
                merchant(),
                offer_id,
                ReportPeriod(query["start"], query["end"] or now()),
                venue_id=query["venue_id"],
                min_group=settings().stats_min_group,
                now=now(),
            )
        return show_report(data, query["lang"] or language())


def show_report(data: ReportData, lang: str) -> Response:
    page = Page(data, lang)
    text = render_template("report.html", page=page, style=STYLE, policy=POLICY)
    response = make_response(text)
    response.headers["Content-Language"] = lang
    response.headers[csp.HEADER] = f"{POLICY}; {csp.UNFRAMED}"
    return response


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
        with reading() as session:
            return service.compare(session, merchant(), offer_ids, **_until_now(query))


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
        with reading() as session:
            return experiments.read_results(
                session, merchant(), experiment_id, now(), min_group=settings().stats_min_group
            )


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
    @blp.response(200, SwitchbackSchema)
    def get(self, offer_id: UUID) -> dict[str, Any]:
        """What an offer that is on and off at venues by turns does to visits

        The `turns` of its schedule say when; which of two blocks has the offer is drawn for each
        venue, and the service switches it. Pairs of blocks that are over are compared.
        """
        with transaction() as session:
            return venues.read_switchback(session, merchant(), offer_id, now())


def _until_now(query: dict[str, Any]) -> dict[str, Any]:
    return {**query, "end": query["end"] or now()}
