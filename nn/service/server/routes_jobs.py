"""Endpoints of jobs: submit, follow, fetch the answer, cancel."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from nn.service.server.access import OCTETS, authorized, counted
from nn.service.server.answers import JobAnswer
from nn.service.server.arrivals import look_at, receive
from nn.service.server.jobs import Job
from nn.service.server.service import Service
from nn.service.server.tenants import Tenant
from nn.service.wire import API, JobState, KeyState, Refusal

_LONGEST_WAIT_S = 60.0
_HEARTBEAT_S = 15.0
_SMALL = 1 << 20
"""The largest answer that is read at once, and not part by part."""
_WAIT = Query(0.0, ge=0, le=_LONGEST_WAIT_S, description="seconds to wait for the end of the job")


def job_routes(service: Service) -> APIRouter:
    """The router of the endpoints under ``/jobs``."""
    router = APIRouter(prefix=f"{API}/jobs", tags=["jobs"])
    caller = Depends(authorized(service))

    def told(job: Job) -> JobAnswer:
        latest = service.board.latest(job.id) or {}
        return JobAnswer(
            id=job.id,
            request=job.request,
            version=job.plan,
            images=job.images,
            state=service.state_of(job),
            layer=latest.get("name"),
            code=job.code,
            message=job.message,
            created=job.created,
        )

    @router.get("")
    def list_jobs(tenant: Tenant = caller) -> list[JobAnswer]:
        """The newest 1,000 jobs of the tenant, the oldest of them first."""
        return [told(job) for job in service.jobs.of_tenant(tenant)]

    @router.post("", status_code=202, openapi_extra=OCTETS)
    async def submit(request: Request, keys: str, tenant: Tenant = caller) -> JobAnswer:
        """Submit encrypted images under the keys of this id.

        Once the answer says that the job is accepted, the job survives a crash. The same images may
        be sent again: they are the same job.
        """
        stored = service.keys.find(tenant, keys)
        if stored.state is not KeyState.READY:
            raise Refusal(409, "keys_not_ready", "the upload of the keys is not finished")
        plan = service.models.of_version(stored.plan).plan
        job_id, limit = service.new_job_id(), service.settings.images_bytes
        file = service.jobs.upload_file(job_id)
        try:
            stated = request.headers.get("content-length", "0")
            service.jobs.check_room(min(int(stated), limit) if stated.isdecimal() else 0)
            with file.open("wb") as part:
                size = await receive(request, part, limit, service.settings, service.disk)

            def accept() -> Job:
                found, images = look_at(file, plan, stored.id)
                _sync(file)
                return service.jobs.accept(job_id, tenant, stored, found, images, size)

            job = await run_in_threadpool(accept)
        finally:
            file.unlink(missing_ok=True)
        counted(service, size)
        if job.id == job_id:
            service.keys.note_use(stored.serial)
            service.audit.write(
                "job accepted", tenant.name, job=job.id, keys=stored.id, images=job.images
            )
        if job.state is JobState.QUEUED:
            service.dispatcher.submit(job)
        return told(job)

    @router.get("/{job_id}")
    async def look_at_job(job_id: str, tenant: Tenant = caller, wait: float = _WAIT) -> JobAnswer:
        """How a job goes; `wait` for its end, if that comes soon enough."""
        return told(await _ended(service, tenant, job_id, wait))

    @router.get("/{job_id}/events", response_class=StreamingResponse)
    async def follow(job_id: str, tenant: Tenant = caller) -> StreamingResponse:
        """How a job goes, as server-sent events: `queued`, `running`, a `layer` each, the end."""
        service.jobs.find(tenant, job_id)
        return StreamingResponse(
            _events(service, tenant, job_id),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @router.get("/{job_id}/answer", response_class=FileResponse)
    async def fetch_answer(job_id: str, tenant: Tenant = caller, wait: float = _WAIT) -> Response:
        """The encrypted answer of a job that is done; 202 for one that is not done yet."""
        job = await _ended(service, tenant, job_id, wait)
        if not job.state.is_final:
            return Response(status_code=202, headers={"Retry-After": "1"})
        if job.state is not JobState.DONE:
            status = 422 if job.code == "bad_images" else 409
            raise Refusal(status, job.code, job.message)
        file = service.jobs.answer_file(job.id)
        try:
            size = file.stat().st_size
            service.metrics.sent.inc(size)
            if size <= _SMALL:
                return Response(file.read_bytes(), media_type="application/octet-stream")
        except FileNotFoundError:
            raise Refusal(404, "unknown_job", "the job was deleted meanwhile") from None
        return FileResponse(file, media_type="application/octet-stream")

    @router.delete("/{job_id}", status_code=204)
    def cancel_or_delete(job_id: str, tenant: Tenant = caller) -> Response:
        """Cancel a job that has not ended; forget one that has, with its answer."""
        job = service.jobs.find(tenant, job_id)
        if service.jobs.cancel(job):
            service.dispatcher.cancel(job)
            service.audit.write("job cancelled", tenant.name, job=job.id)
        else:
            service.jobs.delete(job)
            service.audit.write("job deleted", tenant.name, job=job.id)
        return Response(status_code=204)

    return router


async def _ended(service: Service, tenant: Tenant, job_id: str, wait_s: float) -> Job:
    """The job, when it has ended or the time is over."""
    with service.board.listening(job_id) as events:
        job = service.jobs.find(tenant, job_id)
        end = time.monotonic() + wait_s
        while not job.state.is_final and (left := end - time.monotonic()) > 0:
            try:
                event = await asyncio.wait_for(events.get(), left)
            except TimeoutError:
                break
            if event["event"] in _FINAL:
                job = service.jobs.find(tenant, job_id)
        return job


async def _events(service: Service, tenant: Tenant, job_id: str) -> AsyncIterator[str]:
    with service.board.listening(job_id) as events:
        job = service.jobs.find(tenant, job_id)
        latest = service.board.latest(job_id)
        if job.state.is_final:
            failed = {"code": job.code, "message": job.message} if job.code else {}
            yield _event({"event": job.state.value, **failed})
            return
        yield _event(latest or {"event": JobState.QUEUED.value})
        while True:
            try:
                event = await asyncio.wait_for(events.get(), _HEARTBEAT_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            yield _event(event)
            if event["event"] in _FINAL:
                return


_FINAL = tuple(state.value for state in JobState if state.is_final)


def _event(event: Mapping[str, object]) -> str:
    facts = {name: value for name, value in event.items() if name != "event"}
    return f"event: {event['event']}\ndata: {json.dumps(facts)}\n\n"


def _sync(file: os.PathLike[str]) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
