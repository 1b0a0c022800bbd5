from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from flask.views import MethodView

from lbs.accounts.auth import merchant, merchant_with
from lbs.experiments import service
from lbs.experiments.schemas import (
    CreateExperimentSchema,
    ExperimentPageSchema,
    ExperimentPlanSchema,
    ExperimentSchema,
    PlanExperimentSchema,
    PromoteArmSchema,
    present_experiment,
    present_plan,
)
from lbs.http.api import Blueprint
from lbs.http.context import now, settings, transaction, vault
from lbs.http.paging import Page, Window, WindowQuerySchema, page
from lbs.offers.errors import OfferNotReady
from lbs.offers.routes.reviews import tell_errors

OFFERS = merchant_with("offers")
OF_OFFER = "/v1/offers/<uuid:offer_id>/experiments"
KEY_BYTES = 32
EXPERIMENT = f"{OF_OFFER}/<uuid:experiment_id>"

blp = Blueprint(
    "Experiments", __name__, description="Versions of an offer against each other, and no offer"
)
blp.register_error_handler(OfferNotReady, tell_errors)


@blp.route(OF_OFFER)
class Experiments(MethodView):
    @blp.operation("list_experiments", OFFERS)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, ExperimentPageSchema)
    def get(self, query: dict[str, Window], offer_id: UUID) -> Page[dict[str, Any]]:
        """List the experiments on an offer, newest first"""
        window = query["window"]
        with transaction() as session:
            views = service.list_experiments(
                session,
                offer_id,
                merchant().merchant_id,
                limit=window.limit + 1,
                after=window.after,
            )
        return page(list(map(present_experiment, views)), window, lambda view: view["id"])

    @blp.operation("create_experiment", OFFERS, idempotent=True)
    @blp.arguments(CreateExperimentSchema)
    @blp.response(201, ExperimentSchema)
    def post(self, command: service.CreateExperiment, offer_id: UUID) -> dict[str, Any]:
        """State an experiment on an offer: its arms, and what is compared

        What is stated here cannot be changed later. The first arm is the control, with the offer's
        terms as they are; the others change some of them. A customer is always in the same arm,
        and those of the holdout are neither shown nor given the offer.
        """
        with transaction() as session:
            view = service.create_experiment(
                session,
                offer_id,
                merchant().merchant_id,
                command,
                _new_key,
                now(),
                referrer_bonus=settings().referrer_bonus,
            )
        return present_experiment(view)


def _new_key() -> str:
    return vault().seal(secrets.token_bytes(KEY_BYTES).hex())


@blp.route(f"{OF_OFFER}/plan")
class ExperimentPlan(MethodView):
    @blp.operation("plan_experiment", OFFERS, idempotent=True)
    @blp.arguments(PlanExperimentSchema)
    @blp.response(200, ExperimentPlanSchema)
    def post(self, command: service.PlanExperiment, offer_id: UUID) -> dict[str, Any]:
        """Ask how many customers and weeks it takes to find a lift

        By what customers did at the offer's venues before: those who were first seen there in
        eight weeks, the last of whom have had the whole horizon since. Nothing is written.
        """
        with transaction() as session:
            planned = service.plan_experiment(
                session, offer_id, merchant().merchant_id, command, now()
            )
        return present_plan(planned)


@blp.route(EXPERIMENT)
class Experiment(MethodView):
    @blp.operation("read_experiment", OFFERS)
    @blp.response(200, ExperimentSchema)
    def get(self, offer_id: UUID, experiment_id: UUID) -> dict[str, Any]:
        """Read an experiment"""
        with transaction() as session:
            view = service.load_experiment(session, experiment_id, offer_id, merchant().merchant_id)
        return present_experiment(view)


@blp.route(f"{EXPERIMENT}/start")
class ExperimentStart(MethodView):
    @blp.operation("start_experiment", OFFERS, idempotent=True)
    @blp.response(200, ExperimentSchema)
    def post(self, offer_id: UUID, experiment_id: UUID) -> dict[str, Any]:
        """Start an experiment: from now on each customer meets the version of their arm

        Each version is reviewed as a change of an active offer; errors stop the start. While it
        runs, the terms of the offer cannot be changed, and no other experiment starts on it.
        """
        with transaction() as session:
            view = service.start_experiment(
                session,
                experiment_id,
                offer_id,
                merchant().merchant_id,
                now(),
                referrer_bonus=settings().referrer_bonus,
            )
        return present_experiment(view)


@blp.route(f"{EXPERIMENT}/stop")
class ExperimentStop(MethodView):
    @blp.operation("stop_experiment", OFFERS, idempotent=True)
    @blp.response(200, ExperimentSchema)
    def post(self, offer_id: UUID, experiment_id: UUID) -> dict[str, Any]:
        """Stop an experiment: from now on everybody meets the offer's own terms

        What has opened in an arm keeps its terms. It does not start again; a draft is put away.
        """
        with transaction() as session:
            view = service.stop_experiment(
                session, experiment_id, offer_id, merchant().merchant_id, now()
            )
        return present_experiment(view)


@blp.route(f"{EXPERIMENT}/promote")
class ExperimentPromotion(MethodView):
    @blp.operation("promote_arm", OFFERS, idempotent=True)
    @blp.arguments(PromoteArmSchema)
    @blp.response(200, ExperimentSchema)
    def post(self, body: dict[str, str], offer_id: UUID, experiment_id: UUID) -> dict[str, Any]:
        """Promote an arm: what it tested becomes the offer's terms, as a new version

        An experiment that runs is stopped. Of an active offer the terms are reviewed once more.
        """
        with transaction() as session:
            view = service.promote_arm(
                session,
                experiment_id,
                offer_id,
                merchant().merchant_id,
                body["arm"],
                now(),
                referrer_bonus=settings().referrer_bonus,
            )
        return present_experiment(view)
