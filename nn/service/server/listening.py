"""Where a service listens, and its certificate; both are tried before long work starts."""

from __future__ import annotations

import socket
import ssl

from nn.errors import NetworkError
from nn.service.server.settings import Settings


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises `OSError` for a port in use and for a host that is not here."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise OSError(f"cannot listen at {host} port {port}: {error.strerror}") from error
    return listening


def check_certificate(settings: Settings) -> None:
    """Raise `NetworkError` unless the files for TLS, if there are any, can be used."""
    certificate, private_key = settings.certificate, settings.private_key
    if certificate is None or private_key is None:
        return
    for file in (certificate, private_key):
        try:
            file.open("rb").close()
        except OSError as error:
            raise NetworkError(f"TLS: {file} cannot be read: {error.strerror}") from error
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, private_key, password="")  # and ask nobody for it
    except (ssl.SSLError, ValueError) as error:
        raise NetworkError(
            f"TLS: {certificate} and {private_key} are no certificate and its private key in PEM, "
            f"without a passphrase: {error}"
        ) from error
