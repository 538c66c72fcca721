"""Endpoints of evaluation keys: begin, upload in parts, look, delete."""

from __future__ import annotations

import asyncio
import io

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from nn.service.server.access import OCTETS, authorized, counted
from nn.service.server.answers import KeysAnswer, NewKeys
from nn.service.server.arrivals import receive
from nn.service.server.keys import StoredKeys
from nn.service.server.service import Service
from nn.service.server.tenants import Tenant
from nn.service.wire import API, OFFSET, KeyState, Refusal, bad_request

_MOST_JSON = 1 << 14
_NEW_KEYS = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": NewKeys.model_json_schema()}},
    }
}


def key_routes(service: Service) -> APIRouter:
    """The router of the endpoints under ``/keys``."""
    router = APIRouter(prefix=f"{API}/keys", tags=["evaluation keys"])
    caller = Depends(authorized(service))

    def told(keys: StoredKeys) -> KeysAnswer:
        return KeysAnswer(
            id=keys.id,
            version=keys.plan,
            state=keys.state,
            bytes=keys.bytes,
            received=service.keys.received(keys),
            sha256=keys.sha256,
            created=keys.created,
        )

    @router.get("")
    def list_keys(tenant: Tenant = caller) -> list[KeysAnswer]:
        """All evaluation keys of the tenant."""
        return [told(keys) for keys in service.keys.of_tenant(tenant)]

    @router.post("", status_code=201, openapi_extra=_NEW_KEYS)
    async def begin_upload(request: Request, tenant: Tenant = caller) -> KeysAnswer:
        """Begin to upload evaluation keys, or go on with an upload that was begun."""
        new = await _new_keys(service, request)
        return await run_in_threadpool(begin, new, tenant)

    def begin(new: NewKeys, tenant: Tenant) -> KeysAnswer:
        model = service.models.find(new.model, new.version)
        needed = model.plan.evaluation_key_bytes
        if new.bytes != needed:
            raise Refusal(422, "bad_keys", f"keys of this plan have {needed} bytes")
        keys = service.keys.begin(tenant, new.id, model.version, new.bytes, new.sha256)
        service.audit.write("keys begun", tenant.name, keys=keys.id, bytes=keys.bytes)
        return told(keys)

    @router.get("/{key_id}")
    def look_at_keys(key_id: str, tenant: Tenant = caller) -> KeysAnswer:
        """How far evaluation keys are; an upload goes on at `received`."""
        return told(service.keys.find(tenant, key_id))

    @router.patch("/{key_id}", openapi_extra=OCTETS)
    async def upload(request: Request, key_id: str, tenant: Tenant = caller) -> KeysAnswer:
        """Add bytes behind those received, whose number the header ``Upload-Offset`` states.

        With the last byte the keys are checked: their digest, and whether they serve the plan. The
        answer then says `ready`. Bytes that came before a connection broke stay.
        """
        keys = service.keys.find(tenant, key_id)
        if keys.state is KeyState.READY:
            return told(keys)
        with service.uploading(keys) as is_only:
            if not is_only:
                raise Refusal(409, "upload_busy", "another upload to these keys is under way", 1.0)
            await _receive_part(service, request, keys)
            if service.keys.received(keys) < keys.bytes:
                return told(keys)
            keys = await _finish(service, keys)
        service.audit.write("keys ready", tenant.name, keys=keys.id, bytes=keys.bytes)
        return told(keys)

    @router.delete("/{key_id}", status_code=204)
    def delete_keys(key_id: str, tenant: Tenant = caller) -> Response:
        """Delete evaluation keys, here and in the workers. Jobs that wait for them fail."""
        keys = service.keys.find(tenant, key_id)
        service.delete_keys(keys)
        service.audit.write("keys deleted", tenant.name, keys=keys.id)
        return Response(status_code=204)

    return router


async def _new_keys(service: Service, request: Request) -> NewKeys:
    """The body in JSON. FastAPI would read a body of any size before it asks for a token."""
    body = io.BytesIO()
    await receive(request, body, _MOST_JSON, service.settings)
    try:
        return NewKeys.model_validate_json(body.getvalue())
    except ValidationError as error:
        places = {".".join(map(str, one["loc"])) or "body" for one in error.errors()}
        raise bad_request(places) from None


async def _receive_part(service: Service, request: Request, keys: StoredKeys) -> None:
    before = service.keys.received(keys)
    stated = request.headers.get(OFFSET, "0")
    if stated != str(before):
        raise Refusal(409, "wrong_offset", f"{before} bytes were received: go on there")
    left = keys.bytes - before
    service.disk.check(left)
    with service.keys.upload_file(keys).open("ab") as file:
        received = await receive(request, file, left, service.settings, service.disk)
    counted(service, received)


async def _finish(service: Service, keys: StoredKeys) -> StoredKeys:
    await run_in_threadpool(service.keys.check_digest, keys)
    try:
        # Whoever asked may go away; others may wait for the same check.
        await asyncio.shield(asyncio.wrap_future(service.dispatcher.check(keys)))
    except Refusal:
        await run_in_threadpool(service.keys.delete, keys)
        raise
    return await run_in_threadpool(service.keys.make_ready, keys)
