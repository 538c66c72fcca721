"""``python -m nn keys``: make, list and delete keys that outlast a process."""

from __future__ import annotations

import argparse
from datetime import datetime

from nn.cli.console import amount, listing
from nn.cli.options import Subparsers
from nn.cli.service_options import (
    add_key_options,
    add_model_options,
    add_server_options,
    connect,
    keys_folder,
    passphrase_of,
    remote_client,
    service_parser,
)
from nn.errors import NetworkError, ServiceError
from nn.service.client.key_file import facts_of, key_path, list_keys, read_facts, write_key
from ntt.terminal import say, show


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = service_parser(
        subparsers,
        "keys",
        "make, list and delete keys for a service",
        "The secret key stays in a file on this machine, encrypted under a passphrase. The "
        "evaluation keys, which reveal nothing, go to the service.",
    )
    parser.add_argument(
        "action",
        choices=_ACTIONS,
        help="make keys for a model, and upload the evaluation keys; list the keys, and what the "
        "service has of them; delete a key here, and at the service",
    )
    parser.add_argument("name", nargs="?", help="of the key")
    add_server_options(parser, required=False)
    add_model_options(parser)
    add_key_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    if (arguments.name is None) != (arguments.action == "list"):
        raise NetworkError(f"keys {arguments.action}: a name belongs to every action but list")
    if arguments.server is None and arguments.action == "make":
        raise NetworkError("keys make: say which service the keys are for, with --server")
    return _ACTIONS[arguments.action](arguments)


def _make(arguments: argparse.Namespace) -> int:
    path = key_path(keys_folder(arguments), arguments.name)
    if path.exists():
        read_facts(path)
        say(f"there is a key {arguments.name!r} in {path.parent}: delete it first")
        return 2
    with remote_client(arguments) as client:
        facts = client.facts
        say(
            f"{facts['name']}: N = {facts['ring_degree']}, {facts['security_bits']}-bit security, "
            f"{amount(facts['key_bytes'], 'B')} of evaluation keys"
        )
        passphrase = passphrase_of(arguments, "passphrase for the secret key: ", twice=True)
        named = facts_of(
            arguments.name, arguments.server, facts["name"], facts["version"], client.key_id
        )
        write_key(path, named, client.secret_key_bytes(), passphrase)
        client.upload_keys(progress=True)
    show(f"The secret key is in {path}; the service has the evaluation keys {named.key_id}.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    there: dict[str, str] = {}
    if arguments.server is not None:
        connection = connect(arguments)
        try:
            there = {keys["id"]: keys["state"] for keys in connection.get("/keys")}
        finally:
            connection.close()
    rows = []
    for _, facts in list_keys(keys_folder(arguments)):
        made = datetime.fromtimestamp(facts.created).strftime("%Y-%m-%d %H:%M")
        text = f"{facts.model} {facts.version[:8]}, {facts.key_id}, {made}, {facts.url}"
        if arguments.server is not None:
            text += f", at the service: {there.pop(facts.key_id, 'none')}"
        rows.append((facts.name, text))
    rows += [("(no file)", f"{key_id}, at the service: {state}") for key_id, state in there.items()]
    if rows:
        print(listing(rows))
    else:
        show(f"There are no keys in {keys_folder(arguments)}.")
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    path = key_path(keys_folder(arguments), arguments.name)
    facts = read_facts(path)
    if arguments.server is None:
        say(f"the evaluation keys stay at {facts.url}: give --server to delete them too")
    else:
        connection = connect(arguments)
        try:
            connection.delete(f"/keys/{facts.key_id}")
        except ServiceError as error:
            if error.code != "unknown_key":
                raise
        finally:
            connection.close()
    path.unlink()
    show(f"Deleted the key {arguments.name}.")
    return 0


_ACTIONS = {"make": _make, "list": _list, "delete": _delete}
