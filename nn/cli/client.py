"""``python -m nn client``: a page to draw on, whose pictures leave this machine encrypted."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path

from nn.cli.data import names_of_classes
from nn.cli.options import Subparsers
from nn.cli.serve import FIRST_TOKEN, check_packages
from nn.cli.service_options import (
    add_key_options,
    add_model_options,
    add_server_options,
    port_number,
    remote_client,
    service_parser,
)
from nn.errors import NetworkError, ServiceError
from nn.service.client.connection import Connection
from nn.service.client.remote_client import RemoteClient
from ntt.terminal import say, show

_START_S = 600.0
_STOP_S = 10.0


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = service_parser(
        subparsers,
        "client",
        "open a page to draw on; pictures leave this machine encrypted",
        "Without --server it also starts a service on this machine, for as long as it runs.",
    )
    add_server_options(parser, required=False)
    add_model_options(parser)
    add_key_options(parser)
    parser.add_argument(
        "--key", metavar="NAME", help="a key of `nn keys make` (default: fresh keys)"
    )
    parser.add_argument(
        "--port",
        type=port_number,
        default=0,
        help="of the page, on loopback (default: any that is free)",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the page's address, and open no browser"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until an interrupt."""
    check_packages()
    with contextlib.ExitStack() as stack:
        if arguments.server is None:
            stack.enter_context(_own_service(arguments))
        listening = stack.enter_context(socket.create_server(("127.0.0.1", arguments.port)))
        client = stack.enter_context(remote_client(arguments, arguments.key))
        if arguments.key is None:
            stack.callback(_delete_keys, client)
        names = names_of_classes(client.facts["name"], client.facts["classes"])
        _serve(arguments, client, names, listening)
    return 0


def _serve(
    arguments: argparse.Namespace,
    client: RemoteClient,
    names: Sequence[str],
    listening: socket.socket,
) -> None:
    import uvicorn

    from nn.service.client.page_server import Page, make_page

    port = listening.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    page = make_page(
        Page(client, arguments.server, names), [f"127.0.0.1:{port}", f"localhost:{port}"]
    )
    show(f"The page is at {address}")
    if not arguments.no_browser:
        webbrowser.open(address)
    config = uvicorn.Config(page, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])


def _delete_keys(client: RemoteClient) -> None:
    with contextlib.suppress(ServiceError):
        client.delete_keys()


@contextlib.contextmanager
def _own_service(arguments: argparse.Namespace) -> Iterator[None]:
    """A service on this machine with the network `mnist`, until the block ends."""
    network = arguments.model or "mnist"
    with tempfile.TemporaryDirectory(prefix="he-accel-") as folder:
        command = [sys.executable, "-m", "nn", "serve", "--network", network, "--data", folder]
        service = subprocess.Popen(
            [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            assert service.stdout is not None
            line = service.stdout.readline()
            if not line:
                raise NetworkError("the service does not start")
            arguments.server = line.split()[-1]
            arguments.token_file = Path(folder) / FIRST_TOKEN
            _wait_until_ready(arguments.server, service)
            yield
        finally:
            service.send_signal(signal.SIGTERM)
            try:
                service.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                service.kill()
                service.wait()


def _wait_until_ready(url: str, service: subprocess.Popen[str]) -> None:
    say("starting a service on this machine")
    connection = Connection(url, secrets.token_urlsafe(4), retries=0)
    end = time.monotonic() + _START_S
    try:
        while time.monotonic() < end and service.poll() is None:
            try:
                connection.get("/health")
                return
            except ServiceError:
                time.sleep(0.2)
    finally:
        connection.close()
    raise NetworkError("the service does not start")
