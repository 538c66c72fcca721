"""The process of a service: it binds its port, then serves until it is told to end."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from nn.errors import NetworkError
from nn.service.server.application import make_application
from nn.service.server.http_protocol import http_protocol
from nn.service.server.listening import check_certificate, listen
from nn.service.server.service import Service
from nn.service.server.settings import Settings
from ntt.terminal import run_command, say, show

_GRACE_S = 5
_LONGEST_HEAD = 16 << 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run the service whose settings are in JSON in the first word; return the exit status."""
    words = sys.argv[1:] if argv is None else argv
    return run_command(lambda: serve(Settings.from_json(words[0])), NetworkError)


def serve(settings: Settings) -> int:
    """Serve until a signal ends the process."""
    check_certificate(settings)
    with listen(settings.host, settings.port) as listening:
        host, port = listening.getsockname()[:2]
        service = Service(settings)
        scheme = "https" if settings.certificate else "http"
        shown = f"[{host}]" if ":" in host else host
        if not settings.certificate and host not in ("127.0.0.1", "::1"):
            say(
                "warning: without TLS, tokens can be read on the way. Give --certificate and "
                "--private-key, or let a proxy do TLS"
            )
        show(
            f"Serving {', '.join(model.name for model in service.models.all)} at "
            f"{scheme}://{shown}:{port}"
        )
        uvicorn.Server(configuration(settings, service)).run(sockets=[listening])
    return 0


def configuration(settings: Settings, service: Service) -> uvicorn.Config:
    """How Uvicorn runs a service."""
    logging = copy.deepcopy(LOGGING_CONFIG)
    return uvicorn.Config(
        make_application(service),
        access_log=False,  # the audit log says what matters
        log_level="error",  # a warning for each malformed request would fill a log
        log_config=logging,
        lifespan="on",
        server_header=False,
        limit_concurrency=settings.connections,
        timeout_keep_alive=int(settings.idle_s),
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        ws="none",
        http=http_protocol(settings.idle_s),
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.private_key,
    )
