"""Who may call an endpoint, and how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from nn.service.server.service import Service
from nn.service.server.tenants import Tenant
from nn.service.wire import Refusal

OCTETS = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""How OpenAPI describes a body of bytes."""

OPEN = "tenant with an open request"
"""The key of a request's scope under which the tenant's id lies; the request is counted as open."""

_STRANGERS_A_SECOND = 5.0
_BEARER = HTTPBearer(auto_error=False, description="the token that the operator gave")
_CREDENTIALS = Security(_BEARER)


def authorized(service: Service) -> Callable[..., Awaitable[Tenant]]:
    """A dependency: the tenant of the request's token, within the tenant's rate.

    It raises `Refusal` for a request without a token, for a wrong or expired token, above the rate,
    and for too many requests at once. Wrong tokens have a rate of their own, for each address.
    """

    async def tenant_of(
        request: Request,
        credentials: HTTPAuthorizationCredentials | None = _CREDENTIALS,
    ) -> Tenant:
        try:
            if credentials is None:
                raise Refusal(401, "no_token", "send the header `Authorization: Bearer TOKEN`")
            tenant = service.tenants.of_token(credentials.credentials)
        except Refusal as refusal:
            address = request.client.host if request.client else ""
            service.rates.take(("stranger", address), _STRANGERS_A_SECOND)
            service.audit.write(refusal.code, "", address=address)
            raise
        service.rates.take(tenant.id, tenant.quota.requests_a_second)
        service.rates.open(tenant.id, tenant.quota.requests_at_once)
        request.scope[OPEN] = tenant.id
        return tenant

    return tenant_of


def counted(service: Service, received: int) -> None:
    """Count the bytes of a body."""
    service.metrics.received.inc(received)
