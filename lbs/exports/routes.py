from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any, cast
from uuid import UUID

import flask
from flask import Response, current_app, request, stream_with_context
from flask.views import MethodView
from werkzeug.wsgi import wrap_file

from lbs.accounts.auth import merchant, merchant_with
from lbs.errors import LbsError
from lbs.exports import service
from lbs.exports.errors import TooManyStreams
from lbs.exports.policy import CreateExport, CreateSchedule
from lbs.exports.rules.stream import Position, beat, begin
from lbs.exports.schemas import (
    CreateExportScheduleSchema,
    CreateExportSchema,
    ExportLinkSchema,
    ExportPageSchema,
    ExportSchedulePageSchema,
    ExportScheduleSchema,
    ExportSchema,
    LastEventSchema,
)
from lbs.exports.service import live, schedules
from lbs.http import sheets
from lbs.http.api import Blueprint
from lbs.http.auth import admit
from lbs.http.context import database, now, settings, transaction, vault
from lbs.http.paging import Page, Window, WindowQuerySchema, page

STATS = merchant_with("stats")
MEDIA_TYPES = {"csv": sheets.CSV, "parquet": "application/vnd.apache.parquet"}
FILES = {media_type: {"schema": sheets.FILE} for media_type in MEDIA_TYPES.values()}
EVENT_STREAM = "text/event-stream"
BEAT_S = 15

blp = Blueprint("Exports", __name__, description="Files of what was measured, and a live stream")
pages = flask.Blueprint("export_pages", __name__)


@blp.route("/v1/stats/exports")
class Exports(MethodView):
    @blp.operation("list_exports", STATS)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, ExportPageSchema)
    def get(self, query: dict[str, Window]) -> Page[service.ExportView]:
        """List exports, newest first, those that schedules asked for too"""
        window = query["window"]
        with transaction() as session:
            rows = service.list_exports(
                session, merchant(), now(), limit=window.limit + 1, after=window.after
            )
        return page(rows, window, lambda export: export.id)

    @blp.operation("create_export", STATS, idempotent=True)
    @blp.arguments(CreateExportSchema)
    @blp.response(201, ExportSchema)
    def post(self, command: CreateExport) -> service.ExportView:
        """Ask for a file: CSV or Parquet, of any size

        It holds what the ledger said when it was asked for. Read it again until its `state` is
        `ready`, then get its file. Customers go by your own pseudonyms for them; money is in minor
        units, beside its currency; times are UTC. A key of some venues exports theirs only.
        """
        with transaction() as session:
            return service.create_export(session, merchant(), command, now())


@blp.route("/v1/stats/exports/<uuid:export_id>")
class OneExport(MethodView):
    @blp.operation("read_export", STATS)
    @blp.response(200, ExportSchema)
    def get(self, export_id: UUID) -> service.ExportView:
        """Read how far an export is"""
        with transaction() as session:
            return service.load_export(session, merchant(), export_id, now())


@blp.route("/v1/stats/exports/<uuid:export_id>/file")
class ExportFile(MethodView):
    @blp.operation("read_export_file", STATS)
    @blp.doc(responses={"200": {"description": "OK", "content": FILES}})
    def get(self, export_id: UUID) -> Response:
        """Get the file of an export that is ready

        Its ETag is its SHA-256. A download that broke off goes on with `Range`, and `If-Range`
        with the ETag. In CSV, what people have written begins with an apostrophe where a
        spreadsheet would take it for a formula.
        """
        with transaction() as session:
            file = service.load_file(session, merchant(), export_id, now())
        return _give(file)


@blp.route("/v1/stats/exports/<uuid:export_id>/link")
class ExportLink(MethodView):
    @blp.operation("create_export_link", STATS, idempotent=True)
    @blp.response(201, ExportLinkSchema)
    def post(self, export_id: UUID) -> service.Link:
        """Make a signed address from which the file can be had without a key

        It is good until `expires_at`, for everybody who has it; it cannot be taken back.
        """
        found = settings()
        with transaction() as session:
            return service.create_link(
                session,
                merchant(),
                export_id,
                vault(),
                found.public_url,
                found.export_link_ttl,
                now(),
            )


@blp.route("/v1/stats/export-schedules")
class ExportSchedules(MethodView):
    @blp.operation("list_export_schedules", STATS)
    @blp.arguments(WindowQuerySchema, location="query")
    @blp.response(200, ExportSchedulePageSchema)
    def get(self, query: dict[str, Window]) -> Page[schedules.ScheduleView]:
        """List the schedules of exports, newest first"""
        window = query["window"]
        with transaction() as session:
            rows = schedules.list_schedules(
                session, merchant(), limit=window.limit + 1, after=window.after
            )
        return page(rows, window, lambda schedule: schedule.id)

    @blp.operation("create_export_schedule", STATS, idempotent=True)
    @blp.arguments(CreateExportScheduleSchema)
    @blp.response(201, ExportScheduleSchema)
    def post(self, command: CreateSchedule) -> schedules.ScheduleView:
        """Have an export made after each day, week or month, over all of it

        Weeks begin on Monday. When the file is ready, webhook endpoints that take `export.ready`
        are told, with a signed address that is good as long as the file is.
        """
        with transaction() as session:
            return schedules.create_schedule(session, merchant(), command, now())


@blp.route("/v1/stats/export-schedules/<uuid:schedule_id>")
class ExportSchedule(MethodView):
    @blp.operation("read_export_schedule", STATS)
    @blp.response(200, ExportScheduleSchema)
    def get(self, schedule_id: UUID) -> schedules.ScheduleView:
        """Read a schedule of exports"""
        with transaction() as session:
            return schedules.load_schedule(session, merchant(), schedule_id)

    @blp.operation("delete_export_schedule", STATS)
    @blp.response(204)
    def delete(self, schedule_id: UUID) -> None:
        """Delete a schedule; what it has had made stays until its time is over"""
        with transaction() as session:
            schedules.delete_schedule(session, merchant(), schedule_id, now())


@blp.route("/v1/stats/live")
class Live(MethodView):
    @blp.operation("read_live_events", STATS)
    @blp.arguments(LastEventSchema, location="headers")
    @blp.response(200, {"type": "string"}, content_type=EVENT_STREAM)
    def get(self, after: Position | None) -> Response:
        """Follow redemptions and check-ins as they happen, as server-sent events

        The events `check_in`, `check_in_voided`, `redeemed` and `reversed` say when, where, of
        which offer and of what worth, never who. The stream ends by itself after some minutes:
        connect again with the last `id` as `Last-Event-ID`, and nothing is missed.
        """
        with transaction() as session:
            start = live.find_start(session, after)
        place = _take_place()
        response = Response(stream_with_context(_stream(start, place)), content_type=EVENT_STREAM)
        response.call_on_close(place.close)
        response.headers["X-Accel-Buffering"] = "no"
        return response


@pages.get("/exports/<uuid:export_id>")
def linked_file(export_id: UUID) -> Response:
    """Where a signed link leads."""
    given = {name: request.args.get(name, "") for name in ("expires", "signature")}
    with transaction() as session:
        file = service.open_link(session, export_id, **given, vault=vault(), now=now())
    response = _give(file)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _give(file: service.StoredFile) -> Response:
    """The whole file or the range asked for (RFC 9110, 14), read as the client takes it."""
    reader = service.FileReader(database().transaction, file)
    response = Response(
        wrap_file(request.environ, cast(Any, reader), buffer_size=256 * 1024),
        content_type=MEDIA_TYPES[file.format],
        direct_passthrough=True,
    )
    response.content_length = file.size
    response.set_etag(file.sha256)
    response.last_modified = file.ready_at
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response.make_conditional(request, accept_ranges=True, complete_length=file.size)
    return response


def _take_place() -> ExitStack:
    """One of those that this process has for streams; given back once, by whoever ends first."""
    streams = cast("threading.BoundedSemaphore", current_app.extensions["lbs_live_streams"])
    if not streams.acquire(blocking=False):
        raise TooManyStreams(retry_after=5)
    place = ExitStack()
    place.callback(streams.release)
    return place


def _stream(position: Position, place: ExitStack) -> Iterator[str]:
    """Polls, each time in a transaction of its own and for a key that still holds.

    It ends when its time is over, the key is revoked or the database cannot answer; when the
    client has gone, the server closes it at the next beat.
    """
    found = settings()
    end = time.monotonic() + found.live_for.total_seconds()
    beat_at = time.monotonic() + BEAT_S
    with place, suppress(LbsError):
        yield begin(position)
        while (left := end - time.monotonic()) > 0:
            told, position, more = _read_on(position)
            yield from told
            if told or time.monotonic() >= beat_at:
                yield beat(position)
                beat_at = time.monotonic() + BEAT_S
            if not more:
                time.sleep(min(found.live_poll.total_seconds(), left))
        yield beat(position)


def _read_on(position: Position) -> tuple[list[str], Position, bool]:
    flask.g.pop("now", None)  # the time is another at each poll
    admit(STATS)
    with database().transaction() as session:
        return live.read_on(session, merchant(), position)


@blp.record_once
def _keep_count(state: Any) -> None:
    """How many streams this process keeps: each takes one of its threads."""
    limit = state.app.extensions["lbs_settings"].live_streams
    state.app.extensions["lbs_live_streams"] = threading.BoundedSemaphore(limit)
