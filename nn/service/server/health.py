"""``python -m nn.service.server.health [PORT]``: whether the service on this machine works.

The exit status is 0 if a worker runs. The container's health check calls this.
"""

from __future__ import annotations

import http.client
import ssl
import sys
import urllib.request
from collections.abc import Sequence

from nn.service.server.settings import Settings
from nn.service.wire import API

_PATIENCE_S = 4.0


def main(words: Sequence[str]) -> int:
    """0 where `GET /v1/health` answers with status 200 on loopback, with TLS or without."""
    port = int(words[0]) if words else Settings.port
    context = ssl.create_default_context()  # nothing is sent, so that nobody need be trusted
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),  # those of the environment are for other machines
        urllib.request.HTTPSHandler(context=context),
    )
    for scheme in ("http", "https"):
        try:
            address = f"{scheme}://127.0.0.1:{port}{API}/health"
            with opener.open(address, timeout=_PATIENCE_S):
                return 0
        except (OSError, http.client.HTTPException):
            continue
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
