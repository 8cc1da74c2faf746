"""What operators and their machines ask: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from recollect.http.request import Request, Response
from recollect.store import jobs, usage

TEXT = b"text/plain; charset=utf-8"


async def health(request: Request) -> Response:
    """Say that the process is alive: exactly one dot."""
    del request
    return Response(b".", content_type=TEXT)


async def ready(request: Request) -> Response:
    """Say whether requests can be served; if not, why."""
    reason = request.services.readiness()
    return Response((reason or "ready").encode() + b"\n", 503 if reason else 200, TEXT)


async def metrics(request: Request) -> Response:
    """Show the metrics, with the database's numbers as of now."""
    services = request.services
    database = services.store.database
    services.metrics.connections.labels("idle").set(database.idle)
    services.metrics.connections.labels("busy").set(database.open - database.idle)
    services.metrics.jobs.clear()
    services.metrics.oldest_job.clear()
    for row in await jobs.overview(services.store):
        services.metrics.jobs.labels(row.kind, "waiting").set(row.waiting)
        services.metrics.jobs.labels(row.kind, "failed").set(row.failed)
        services.metrics.oldest_job.labels(row.kind).set(row.oldest_seconds)
    services.metrics.language_models.usage = await usage.totals(services.store)
    return Response(services.metrics.text(), content_type=b"text/plain; version=0.0.4; charset=utf-8")
