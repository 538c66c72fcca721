"""Options of the commands that talk to a service, and the client that they ask for."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

import nn
from nn.cli.options import Subparsers
from nn.errors import NetworkError
from nn.service.client.connection import Connection
from nn.service.client.key_file import KeyFacts, key_path, read_key
from nn.service.client.remote_client import RemoteClient
from ntt.terminal import is_terminal

TOKEN_VARIABLE = "HE_ACCEL_TOKEN"
DEFAULT_FOLDER = Path("~/.he-accel/keys")


def service_parser(
    subparsers: Subparsers, name: str, summary: str, details: str
) -> argparse.ArgumentParser:
    """A parser with the options that every command has, and no others."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {details}".strip()
    )
    add_verbose_option(parser)
    return parser


def add_verbose_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--verbose``."""
    parser.add_argument(
        "--verbose", action="store_true", help="show where in the code bad input was found"
    )


def add_server_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add ``--server`` and what a connection needs besides."""
    parser.add_argument(
        "--server", required=required, metavar="URL", help="the service, such as https://name:8000"
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"holds the token (default: the environment variable {TOKEN_VARIABLE})",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="PEM",
        help="the authority behind the service's certificate (default: those of the system)",
    )
    parser.add_argument(
        "--allow-http",
        action="store_true",
        help="send the token to another machine without TLS",
    )


def port_number(text: str) -> int:
    """The number of a port, 0 for any that is free; for argparse."""
    if not text.isdecimal() or int(text) >= 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: they are 0 to 65535")
    return int(text)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--model`` and ``--largest-keys``."""
    parser.add_argument("--model", metavar="NAME", help="which network (default: the only one)")
    parser.add_argument(
        "--largest-keys",
        type=int,
        metavar="BYTES",
        default=nn.Limits().key_bytes,
        help="refuse a plan that asks for larger evaluation keys (default: %(default)s)",
    )


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--keys-folder`` and ``--passphrase-file``."""
    parser.add_argument(
        "--keys-folder",
        type=Path,
        metavar="DIR",
        default=DEFAULT_FOLDER,
        help="where secret keys lie, encrypted (default: %(default)s)",
    )
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="holds the passphrase in its first line (default: ask for it)",
    )


def connection_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `RemoteClient` and `Connection` take."""
    return {"certificate": arguments.certificate, "allow_http": arguments.allow_http}


def token_of(arguments: argparse.Namespace) -> str:
    """The token; raises `NetworkError` where there is none."""
    if arguments.token_file is not None:
        return str(arguments.token_file.read_text("utf-8")).strip()
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise NetworkError(f"no token: name a file with --token-file, or set {TOKEN_VARIABLE}")
    return token


def connect(arguments: argparse.Namespace) -> Connection:
    """A connection without keys."""
    return Connection(arguments.server, token_of(arguments), **connection_options(arguments))


def remote_client(arguments: argparse.Namespace, name: str | None = None) -> RemoteClient:
    """A client with the stored key called `name`, or with fresh keys."""
    model, version, secret = arguments.model, None, None
    if name is not None:
        facts, secret = stored_key(arguments, name)
        if model is not None and model != facts.model:
            raise NetworkError(f"the key {name!r} is for the model {facts.model!r}, not {model!r}")
        model, version = facts.model, facts.version
    return RemoteClient(
        arguments.server,
        token_of(arguments),
        model=model,
        version=version,
        secret_key=secret,
        limits=nn.Limits(key_bytes=arguments.largest_keys),
        **connection_options(arguments),
    )


def stored_key(arguments: argparse.Namespace, name: str) -> tuple[KeyFacts, bytes]:
    """The key called `name`, under the passphrase that the user gives."""
    path = key_path(keys_folder(arguments), name)
    return read_key(path, passphrase_of(arguments, f"passphrase of the key {name}: "))


def keys_folder(arguments: argparse.Namespace) -> Path:
    """The folder of the keys."""
    folder: Path = arguments.keys_folder.expanduser()
    return folder


def passphrase_of(arguments: argparse.Namespace, prompt: str, *, twice: bool = False) -> str:
    """The passphrase, from a file or a terminal; raises `NetworkError` where there is neither."""
    if arguments.passphrase_file is not None:
        found = arguments.passphrase_file.read_text("utf-8").partition("\n")[0]
    elif not is_terminal(sys.stdin):
        raise NetworkError("no terminal to ask for the passphrase: use --passphrase-file")
    else:
        found = getpass.getpass(prompt)
        if twice and getpass.getpass("the same again: ") != found:
            raise NetworkError("the two passphrases differ")
    if not found:
        raise NetworkError("the passphrase is empty")
    return str(found)
