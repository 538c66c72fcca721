"""``python -m nn serve``: publish a network, and serve it over HTTP."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from nn.cli.options import (
    Subparsers,
    command_parser,
    make_plan,
    network_of,
    planning_options,
)
from nn.cli.service_options import port_number
from nn.errors import MissingPackageError, NetworkError
from nn.inference.options import PlanOptions
from nn.service.publishing import publish, published
from nn.service.server.database import FILE, Database
from nn.service.server.listening import check_certificate, listen
from nn.service.server.settings import Settings
from nn.service.server.tenants import Tenants
from nn.terminal.compilation_notice import watch_compilation
from ntt.terminal import positive, say

FIRST_TENANT, FIRST_TOKEN = "first", "first-token"
_MIB = 1 << 20
_LIMITS = {
    "group": "images that run together at most",
    "images_bytes": "of the largest request",
    "body_s": "seconds that a body may take",
    "idle_s": "seconds between two parts of a request, or of an answer",
    "connections": "at once",
    "reserve_bytes": "of the disk that new work leaves free",
    "answers_s": "seconds that answers are kept",
    "uploads_s": "seconds that unfinished uploads of keys are kept",
    "keys_s": "seconds that unused keys are kept",
    "attempts": "runs of a job whose workers die",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = command_parser(
        subparsers,
        "serve",
        "serve a network over HTTP",
        "Publishes the network in the data folder, then serves all networks of that folder. "
        "Clients send evaluation keys and encrypted images; the service has no secret key. "
        "Needs `pip install 'he-accel[service]'`.",
    )
    listening = parser.add_argument_group("serving")
    listening.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="keys, jobs and networks lie here"
    )
    listening.add_argument(
        "--name", help="under which the network is published (default: the network's own)"
    )
    listening.add_argument(
        "--host", default=Settings.host, help="address to listen at (default: %(default)s)"
    )
    listening.add_argument(
        "--port",
        type=port_number,
        default=Settings.port,
        help="0 takes a free one (default: %(default)s)",
    )
    listening.add_argument("--certificate", type=Path, metavar="PEM", help="for TLS")
    listening.add_argument("--private-key", type=Path, metavar="PEM", help="for TLS")
    listening.add_argument(
        "--workers",
        type=_workers,
        default=Settings.workers,
        metavar="COUNT|ray://HOST:PORT",
        help="processes that run networks, or a Ray cluster whose machines do (default: one "
        "process for each CPU, %(default)s)",
    )
    listening.add_argument(
        "--ray-workers",
        type=positive,
        metavar="COUNT",
        help="actors in the cluster (default: as many as its CPUs allow)",
    )
    listening.add_argument(
        "--threads",
        type=positive,
        default=Settings.threads,
        metavar="COUNT",
        help="threads of each worker (default: %(default)s)",
    )
    listening.add_argument(
        "--memory",
        type=positive,
        default=Settings.memory_bytes // _MIB,
        metavar="MIB",
        help="for the evaluation keys that workers hold (default: %(default)s)",
    )
    limits = parser.add_argument_group("limits")
    for name, meaning in _LIMITS.items():
        limits.add_argument(
            f"--{name.replace('_', '-')}",
            type=positive,
            metavar="COUNT",
            default=int(getattr(Settings, name)),
            help=f"{meaning} (default: %(default)s)",
        )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Publish the network, make a first token where there is none, and become the service."""
    settings = Settings(
        data=arguments.data.resolve(),
        host=arguments.host,
        port=arguments.port,
        certificate=arguments.certificate,
        private_key=arguments.private_key,
        workers=arguments.workers,
        ray_workers=arguments.ray_workers,
        threads=arguments.threads,
        memory_bytes=arguments.memory * _MIB,
        **{name: getattr(arguments, name) for name in _LIMITS},
    )
    check_packages()
    check_certificate(settings)
    listen(settings.host, settings.port).close()  # before long work starts
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not os.access(settings.data, os.W_OK):
        raise PermissionError(f"{settings.data} cannot be written")
    prepare(arguments, settings.data)
    words = [sys.executable, "-m", "nn.service.server", settings.to_json()]
    sys.stdout.flush()
    os.execv(sys.executable, words)  # a process that never loaded what makes keys


def prepare(arguments: argparse.Namespace, data: Path) -> None:
    """Publish the network unless it is, and write a first token where there is no tenant."""
    network = network_of(arguments)
    name = arguments.name or network.name
    known = published(data, network)
    planned = replace(planning_options(arguments), insecure_reason=None) != PlanOptions()
    if not known or planned:
        say(f"planning {name} and encoding its weights, once")
        with watch_compilation():
            plan = make_plan(arguments, network)
            publish(data, name, network, plan, arguments.insecure_reason)
    elif known[-1].name != name:
        raise NetworkError(f"the network is published as {known[-1].name!r}, not as {name!r}")
    database = Database(data / FILE)
    try:
        tenants = Tenants(database)
        if not tenants.names():
            tenants.add(FIRST_TENANT)
            _write_token(data / FIRST_TOKEN, tenants.new_token(FIRST_TENANT))
    finally:
        database.close()


def _workers(text: str) -> int | str:
    """A number of processes, or the address of a cluster; for argparse."""
    return text if text.startswith("ray://") else positive(text)


def check_packages() -> None:
    """Raise `MissingPackageError` where the packages of the extra `service` are missing."""
    try:
        import fastapi
        import prometheus_client
        import uvicorn
    except ImportError as error:
        raise MissingPackageError(
            f"{error.name} is missing: pip install 'he-accel[service]'"
        ) from error
    del fastapi, prometheus_client, uvicorn


def _write_token(path: Path, token: str) -> None:
    """Write a token where only the owner of the data folder reads it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
    say(f"the token of the tenant {FIRST_TENANT!r} is in {path}")
