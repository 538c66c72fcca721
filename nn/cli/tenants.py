"""``python -m nn tenants``: who may use a service, and how much."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path

from nn.cli.options import Subparsers
from nn.cli.service_options import add_verbose_option, service_parser
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
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add a tenant, or change the quotas of one")
    token = actions.add_parser("token", help="print a new token; it is shown this once")
    revoke = actions.add_parser("revoke", help="end all tokens of a tenant")
    for action, run in ((add, _add), (token, _token), (revoke, _revoke)):
        action.add_argument("name", help="of the tenant")
        action.set_defaults(run=run)
    show_all = actions.add_parser("list", help="list the tenants")
    show_all.set_defaults(run=_list)
    token.add_argument("--days", type=positive, help="after which it expires (default: never)")
    for field in fields(Quota):
        add.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=positive,
            metavar="COUNT",
            help=f"(default: {field.default})",
        )
    for action in (add, token, revoke, show_all):
        action.add_argument("--data", type=Path, required=True, metavar="DIR")
        add_verbose_option(action)


def _opened(arguments: argparse.Namespace) -> Database:
    if not (arguments.data / FILE).is_file():
        raise NetworkError(f"{arguments.data} is no data folder: `python -m nn serve` makes one")
    return Database(arguments.data / FILE)


def _add(arguments: argparse.Namespace) -> int:
    given = {
        field.name: getattr(arguments, field.name)
        for field in fields(Quota)
        if getattr(arguments, field.name) is not None
    }
    database = _opened(arguments)
    try:
        Tenants(database).add(arguments.name, replace(Quota(), **given))
    finally:
        database.close()
    say(f"give {arguments.name} a token with `python -m nn tenants token`")
    return 0


def _token(arguments: argparse.Namespace) -> int:
    valid_s = None if arguments.days is None else arguments.days * _DAY_S
    database = _opened(arguments)
    try:
        show(Tenants(database).new_token(arguments.name, valid_s))
    finally:
        database.close()
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    database = _opened(arguments)
    try:
        show(f"Ended {Tenants(database).revoke(arguments.name)} tokens of {arguments.name}.")
    finally:
        database.close()
    return 0


def _list(arguments: argparse.Namespace) -> int:
    database = _opened(arguments)
    try:
        show(*Tenants(database).names())
    finally:
        database.close()
    return 0
