"""The commands `serve`, `tenants`, `keys` and `classify`."""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
from nn.cli import serve
from nn.cli.main import main
from nn.cli.options import planning_options
from nn.service.publishing import published
from tests.nn.service.samples import (
    add_tenant,
    images,
    publish_small,
    running,
    small_network,
    until_ready,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    publish_small(tmp_path / "data")
    return tmp_path / "data"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_serve__publishes_and_serves(tmp_path: Path) -> None:
    nn.save(small_network(), tmp_path / "small.npz")
    command = [sys.executable, "-m", "nn", "serve", "--network", tmp_path / "small.npz"]
    command += ["--data", tmp_path / "data", "--port", "0", "--workers", "1"]
    for _ in range(2):  # the second finds what the first has published
        service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert service.stdout is not None
        url = service.stdout.readline().split()[-1]
        try:
            until_ready(url)
            token = (tmp_path / "data" / "first-token").read_text().strip()
            with nn.RemoteClient(url, token) as client:
                assert client.classify(images(1)).shape == (1, 3)
                fingerprint = client.plan.fingerprint
        finally:
            service.send_signal(signal.SIGTERM)
            service.communicate()
    assert fingerprint == small_network().fingerprint()
    assert (tmp_path / "data" / "first-token").stat().st_mode & 0o077 == 0
    assert len(list((tmp_path / "data" / "models").iterdir())) == 1


@pytest.mark.parametrize(
    "words",
    [
        "--security 192", "--precision 9", "--ring-degree 4096", "--dnum 2", "--word-bits 40",
        "--no-bootstrap", "",
    ],
)  # fmt: skip
def test_serve__plans_a_published_network_anew_where_it_is_asked(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """Every option of a plan counts; the reason for an insecure one asks for no other."""
    nn.save(small_network(), tmp_path / "small.npz")
    planned = []

    def plan(arguments: argparse.Namespace, network: nn.Network) -> nn.InferencePlan:
        planned.append(planning_options(arguments))
        return published(data, network)[-1].plan

    monkeypatch.setattr(serve, "make_plan", plan)
    parser = argparse.ArgumentParser()
    serve.add_parser(parser.add_subparsers())
    network = ["--network", str(tmp_path / "small.npz"), "--insecure-reason", "unit test"]
    arguments = parser.parse_args(["serve", "--data", str(data), *network, *words.split()])
    serve.prepare(arguments, data)
    assert len(planned) == bool(words)


def test_serve__bad_input_is_one_line(
    tmp_path: Path, data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nn.save(small_network(), tmp_path / "small.npz")
    serve = [sys.executable, "-m", "nn", "serve", "--network", str(tmp_path / "small.npz")]

    def refused(*words: object) -> str:
        command = [*serve, *map(str, words)]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert finished.returncode == 2
        return finished.stderr.splitlines()[-1]

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "in use" in refused("--data", data, "--port", port)
    assert "both files" in refused("--data", data, "--certificate", tmp_path / "x.pem")
    tls = ("--certificate", tmp_path / "x.pem", "--private-key", tmp_path / "x.pem")
    assert "x.pem cannot be read" in refused("--data", data, *tls)
    (tmp_path / "x.pem").write_text("x")
    assert "no certificate" in refused("--data", data, *tls)
    for port in (-1, 65536, "x"):
        assert "is no port" in refused("--data", data, "--port", port)
    assert "cannot listen" in refused("--data", data, "--host", "203.0.113.1")
    assert "allow 1" in refused("--data", data, "--memory", 1, "--workers", 9)
    (tmp_path / "file").write_text("x")
    assert "Error" in refused("--data", tmp_path / "file")
    assert "is published as 'small'" in refused("--data", data, "--name", "other")
    (model,) = (data / "models").iterdir()
    (model / "plan").write_bytes(b"x")
    assert "delete the folder" in refused("--data", data)


def test_tenants__are_added_and_revoked(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tenants", "list", "--data", data) == 2
    add_tenant(data, "one")
    assert run("tenants", "add", "two", "--data", data, "--jobs", "3") == 0
    assert run("tenants", "token", "two", "--data", data, "--days", "3") == 0
    token = capsys.readouterr().out.split()[-1]
    with running(data) as (url, service):
        tenant = service.tenants.of_token(token)
        assert (tenant.name, tenant.quota.jobs) == ("two", 3)
        assert run("tenants", "revoke", "two", "--data", data) == 0
        with pytest.raises(nn.ServiceError, match="wrong_token"):
            nn.RemoteClient(url, token)
    assert run("tenants", "list", "--data", data) == 0
    assert capsys.readouterr().out.split()[-2:] == ["one", "two"]
    assert run("tenants", "token", "nobody", "--data", data) == 2


def test_keys__are_made_used_listed_and_deleted(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(add_tenant(data, "one") + "\n")
    (tmp_path / "pass").write_text("a passphrase\n")
    np.save(tmp_path / "images.npy", images(3))
    with running(data) as (url, service):
        there = ["--server", url, "--token-file", tmp_path / "token"]
        here = ["--keys-folder", tmp_path / "keys", "--passphrase-file", tmp_path / "pass"]
        assert run("keys", "make", "mine", *there, *here) == 0
        assert run("keys", "make", "mine", *there, *here) == 2
        before = service.metrics.received._value.get()
        classify = ["classify", tmp_path / "images.npy", *there, *here]
        assert run(*classify, "--key", "mine") == 0
        assert service.metrics.received._value.get() - before < 1 << 20
        assert capsys.readouterr().out.count("images.npy") == 3
        assert run("keys", "list", *there, *here) == 0
        assert "at the service: ready" in capsys.readouterr().out
        assert run(*classify) == 0  # with fresh keys, which are deleted afterwards
        (tmp_path / "pass").write_text("another\n")
        assert run(*classify, "--key", "mine") == 2
        assert "passphrase is wrong" in capsys.readouterr().err
        assert run("keys", "delete", "mine", *there, *here) == 0
        assert not list((data / "keys").iterdir())
        assert run("keys", "delete", "mine", *there, *here) == 2
        monkeypatch.delenv("HE_ACCEL_TOKEN", raising=False)
        assert run("keys", "list", "--server", url, *here) == 2
        assert "HE_ACCEL_TOKEN" in capsys.readouterr().err
        assert run(*classify, "--largest-keys", "1000") == 2
        assert "LimitError" in capsys.readouterr().err
