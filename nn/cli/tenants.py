"""``python -m nn tenants``: who may use a service, and how much."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path

from nn.cli.options import Subparsers
from nn.cli.service_options import service_parser
from nn.errors import NetworkError
from nn.service.server.database import FILE, Database
from nn.service.server.settings import Quota
from nn.service.server.tenants import Tenants
from ntt.terminal import positive, say, show

_DAY_S = 86400


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = service_parser(
        subparsers,
        "tenants",
        "add tenants of a service, and give and revoke their tokens",
        "It works beside a service that runs.",
    )
    parser.add_argument(
        "action",
        choices=_ACTIONS,
        help="add a tenant, or change the quotas of one; print a new token, which is shown this "
        "once; revoke all tokens of a tenant; list the tenants",
    )
    parser.add_argument("name", nargs="?", help="of the tenant")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="of the service")
    parser.add_argument("--days", type=positive, help="of a token (default: any number)")
    quotas = parser.add_argument_group("quotas of a tenant that is added")
    for field in fields(Quota):
        quotas.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=positive,
            metavar="COUNT",
            help=f"(default: {field.default})",
        )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    if (arguments.name is None) != (arguments.action == "list"):
        raise NetworkError(f"tenants {arguments.action}: a name belongs to every action but list")
    database = _opened(arguments)
    try:
        return _ACTIONS[arguments.action](arguments, Tenants(database))
    finally:
        database.close()


def _opened(arguments: argparse.Namespace) -> Database:
    if not (arguments.data / FILE).is_file():
        raise NetworkError(f"{arguments.data} is no data folder: `python -m nn serve` makes one")
    return Database(arguments.data / FILE)


def _add(arguments: argparse.Namespace, tenants: Tenants) -> int:
    given = {
        field.name: getattr(arguments, field.name)
        for field in fields(Quota)
        if getattr(arguments, field.name) is not None
    }
    tenants.add(arguments.name, replace(Quota(), **given))
    say(f"give {arguments.name} a token with `python -m nn tenants token`")
    return 0


def _token(arguments: argparse.Namespace, tenants: Tenants) -> int:
    valid_s = None if arguments.days is None else arguments.days * _DAY_S
    show(tenants.new_token(arguments.name, valid_s))
    return 0


def _revoke(arguments: argparse.Namespace, tenants: Tenants) -> int:
    show(f"Ended {tenants.revoke(arguments.name)} tokens of {arguments.name}.")
    return 0


def _list(_: argparse.Namespace, tenants: Tenants) -> int:
    show(*tenants.names())
    return 0


_ACTIONS = {"add": _add, "token": _token, "revoke": _revoke, "list": _list}
