"""The process that serves has nothing that makes keys, and `import nn` loads nothing of HTTP."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.test_doors import ROOT, imported_modules, module_name

SECRETS = {
    "he.rlwe.keygen",
    "he.ckks.encryption",
    "nn.packed.client",
    "nn.batched.client",
    "nn.service.client",
    "nn.service.publishing",
}
WEB = {"fastapi", "starlette", "uvicorn", "pydantic", "httpx", "prometheus_client", "sqlite3"}


def loaded_after(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_server_modules__import_nothing_that_makes_or_holds_secret_keys() -> None:
    sources = sorted((ROOT / "nn" / "service" / "server").glob("*.py"))
    assert len(sources) > 15
    for path in sources:
        tree = ast.parse(path.read_text("utf-8"))
        names = {name for _, name in imported_modules(tree, module_name(path), False)}
        assert not {n for n in names for s in SECRETS if n == s or n.startswith(f"{s}.")}, path


def test_server_process__loads_nothing_that_makes_secret_keys() -> None:
    loaded = loaded_after("import nn.service.server.main, nn.service.server.worker_process")
    assert loaded >= {"fastapi", "nn.packed.server"}
    assert not loaded & SECRETS


def test_import_nn__loads_nothing_of_the_service() -> None:
    assert not loaded_after("import nn; nn.Client; nn.Server; nn.compile") & WEB
    assert not loaded_after("import nn.service.server.worker_process") & WEB - {"sqlite3"}
    assert not loaded_after("import nn; nn.RemoteClient") & WEB
