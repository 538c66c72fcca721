"""TLS: a client talks to a service whose certificate it trusts, and to no other."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import nn
from nn.service.server.health import main as health
from nn.service.server.settings import Settings
from tests.nn.service.samples import add_tenant, images, running


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its private key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a service")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private


def test_client__trusts_the_named_authority_alone(data: Path, tmp_path: Path) -> None:
    public, private = certificate(tmp_path)
    token = add_tenant(data, "one")
    with running(data, certificate=public, private_key=private) as (url, _):
        assert url.startswith("https://")
        with nn.RemoteClient(url, token, certificate=public) as client:
            assert client.classify(images(1)).shape == (1, 3)
        with pytest.raises(nn.ServiceError, match="does not answer"):
            nn.RemoteClient(url, token, retries=0)
        assert health([url.rpartition(":")[2]]) == 0
        plain = url.replace("https", "http")
        with pytest.raises(nn.ServiceError):
            nn.RemoteClient(plain, token, retries=0)


def test_settings__tls_needs_both_files(tmp_path: Path) -> None:
    with pytest.raises(nn.NetworkError, match="both files"):
        Settings(data=tmp_path, certificate=tmp_path / "x.pem")
    settings = Settings(data=tmp_path, certificate=tmp_path / "c", private_key=tmp_path / "k")
    assert Settings.from_json(settings.to_json()) == settings
