"""The application: endpoints, refusals as JSON, metrics of every request."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nn.service.server.access import OPEN, authorized
from nn.service.server.answers import ErrorAnswer, HealthAnswer, ModelAnswer
from nn.service.server.disk import disk_full, is_full
from nn.service.server.models import Model
from nn.service.server.routes_jobs import job_routes
from nn.service.server.routes_keys import key_routes
from nn.service.server.service import Service
from nn.service.server.tenants import Tenant
from nn.service.wire import API, Refusal, bad_request

_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": meaning}
    for status, meaning in (
        (401, "no token, or a wrong or expired one"),
        (404, "nothing of this name or id is yours"),
        (408, "the body came too slowly"),
        (409, "the request does not suit the state"),
        (413, "the body is too large"),
        (422, "the body is not what is needed"),
        (429, "a quota or a rate is used up"),
        (507, "the disk is full"),
    )
}

_PATHS = {404: "no_such_endpoint", 405: "no_such_method"}
_METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")


def make_application(service: Service) -> FastAPI:
    """The application of a service, which starts and stops with it."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start(asyncio.get_running_loop())
        try:
            yield
        finally:
            await asyncio.to_thread(service.stop)

    application = FastAPI(
        title="Encrypted inference",
        description="Networks that run on encrypted images. The service has no secret key.",
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    application.include_router(_about_routes(service), responses=_REFUSED)
    application.include_router(key_routes(service), responses=_REFUSED)
    application.include_router(job_routes(service), responses=_REFUSED)
    application.add_middleware(_Counted, service=service)

    @application.exception_handler(Refusal)
    async def refuse(_: Request, refusal: Refusal) -> JSONResponse:
        service.metrics.refusals.labels(refusal.code).inc()
        return _error(refusal.status, refusal.code, refusal.message, refusal.retry_s)

    @application.exception_handler(RequestValidationError)
    async def refuse_form(request: Request, error: RequestValidationError) -> JSONResponse:
        places = {".".join(str(part) for part in one["loc"]) for one in error.errors()}
        return await refuse(request, bad_request(places))

    @application.exception_handler(HTTPException)
    async def refuse_path(_: Request, error: HTTPException) -> JSONResponse:
        return _error(
            error.status_code, _PATHS.get(error.status_code, "bad_request"), str(error.detail)
        )

    @application.exception_handler(OSError)
    @application.exception_handler(sqlite3.OperationalError)
    async def refuse_full(request: Request, error: Exception) -> JSONResponse:
        if not is_full(error):
            raise error
        return await refuse(request, disk_full())

    @application.exception_handler(Exception)
    async def fail(_: Request, error: Exception) -> JSONResponse:
        return _error(500, "internal", "the service failed at this request")

    return application


def _error(status: int, code: str, message: str, retry_s: float | None = None) -> JSONResponse:
    headers = {} if retry_s is None else {"Retry-After": str(math.ceil(retry_s))}
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def _about_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["the service"])
    caller = Depends(authorized(service))

    def told(model: Model) -> ModelAnswer:
        settings = service.settings
        return ModelAnswer(
            **model.facts, images_bytes_limit=settings.images_bytes, group=settings.group
        )

    @router.get(f"{API}/health", responses={503: {"model": HealthAnswer}})
    def health(response: Response) -> HealthAnswer:
        """Whether the service can work: status 200 if a worker runs, else 503. Needs no token."""
        dispatcher = service.dispatcher
        ready, free = dispatcher.ready_workers, service.disk.free_bytes
        status = "ok" if ready else "failing" if dispatcher.failure else "starting"
        response.status_code = 200 if ready else 503
        return HealthAnswer(
            status=status,
            workers=service.workers,
            workers_ready=ready,
            waiting=dispatcher.waiting,
            free_bytes=free,
            accepts_work=free > service.settings.reserve_bytes,
        )

    @router.get("/metrics", response_class=Response)
    def metrics() -> Response:
        """The metrics, for Prometheus. They name no tenant. Needs no token."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    @router.get(f"{API}/models")
    def list_models(tenant: Tenant = caller) -> list[ModelAnswer]:
        """All published models."""
        return [told(model) for model in service.models.all]

    @router.get(f"{API}/models/{{name}}")
    def look_at_model(
        name: str, version: str | None = None, tenant: Tenant = caller
    ) -> ModelAnswer:
        """A model, by default its newest version."""
        return told(service.models.find(name, version))

    @router.get(f"{API}/models/{{name}}/plan", response_class=Response)
    def fetch_plan(name: str, version: str | None = None, tenant: Tenant = caller) -> Response:
        """The plan of a model in bytes; `nn.read_plan` reads them."""
        model = service.models.find(name, version)
        return Response(model.plan_bytes, media_type="application/octet-stream")

    return router


class _Counted:
    """Middleware that counts requests by method, route and status, and those that are open."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unknown")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._service.metrics.requests.labels(method, route, message["status"]).inc()
            elif not message.get("more_body", False):
                self._close(scope)
            await send(message)

        try:
            await self._app(scope, receive, counting)
        finally:
            self._close(scope)

    def _close(self, scope: Scope) -> None:
        """The request is not open any more, if it was counted as open."""
        tenant = scope.pop(OPEN, None)
        if tenant is not None:
            self._service.rates.close(tenant)
