"""``import nn`` stays light, and a server's process imports what it needs and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OPTIONAL = ("torch", "matplotlib", "rich", "PIL", "galois", "hypothesis")
HEAVY = (*OPTIONAL, "scipy", "numba")
MAIN_NAMES = "nn.Client; nn.Server; nn.compile; nn.load; nn.save; nn.read_plan; nn.zoo"
# A client and a server of one small plan, as processes: what the server loads is listed.
CLIENT = """
import sys
from pathlib import Path
import numpy as np
import nn
folder = Path(sys.argv[1])
rng = np.random.default_rng(3)
square = nn.Polynomial.square()
layers = {"conv": nn.Conv2d(rng.normal(size=(2, 1, 3, 3)), np.zeros(2)), "square": square,
          "flat": nn.Flatten(), "fc": nn.Linear(rng.normal(size=(3, 72)), np.ones(3))}
before = ("input", *layers)
nodes = [nn.Node(name, layer, (i,)) for (name, layer), i in zip(layers.items(), before)]
network = nn.Network("small", (1, 8, 8), nodes).calibrated(rng.random((20, 1, 8, 8)))
plan = nn.compile(network)
client = nn.Client(plan)
nn.save(network, folder / "network.npz")
(folder / "plan").write_bytes(plan.to_bytes())
(folder / "keys").write_bytes(client.evaluation_keys().to_bytes())
(folder / "image").write_bytes(client.encrypt(rng.random((1, 1, 8, 8))).to_bytes())
"""
SERVER = """
import sys
from pathlib import Path
import nn
folder = Path(sys.argv[1])
plan, network = nn.read_plan((folder / "plan").read_bytes()), nn.load(folder / "network.npz")
server = nn.Server(plan, network, (folder / "keys").read_bytes())
(folder / "answer").write_bytes(server.run((folder / "image").read_bytes()).to_bytes())
print(*sys.modules)
"""
# Of other packages than the standard library and this project.
SERVER_LOADS = {"numpy", "llvmlite", "msgpack", "cryptography", "_openssl", "_cffi_backend", "cffi"}


def loaded_after(statement: str) -> set[str]:
    """Names of the modules that a fresh interpreter holds after `statement`."""
    program = f"import sys; {statement}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def python(program: str, folder: Path) -> str:
    """Standard output of a fresh interpreter."""
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def is_of_installation(name: str) -> bool:
    """Whether a module finds the packages of an environment, or is shared by what Cython made."""
    return name.startswith(
        ("__editable__", "_distutils", "_virtualenv", "_cy", "cython_runtime", "sitecustomize")
    )


def test_import__loads_no_optional_or_heavy_package() -> None:
    assert loaded_after("import nn") & set(HEAVY) == set()


def test_import__the_command_line_neither() -> None:
    assert loaded_after("import nn.cli.main") & set(OPTIONAL) == set()


def test_import__main_names_neither() -> None:
    assert loaded_after(f"import nn; {MAIN_NAMES}") & set(HEAVY) == set()


def test_server__loads_these_packages_and_no_more(tmp_path: Path) -> None:
    """The first process compiles kernels where none are kept; the second one is looked at."""
    python(CLIENT, tmp_path)
    python(SERVER, tmp_path)
    loaded = python(SERVER, tmp_path).split()
    packages = {name.partition(".")[0] for name in loaded}
    others = packages - set(sys.stdlib_module_names) - {"nn", "he", "ntt", "__main__"}
    assert {name for name in others if not is_of_installation(name)} <= SERVER_LOADS
    own = {name for name in loaded if name.startswith(("nn.", "he.", "ntt."))}
    compiled = {name for name in own if name.endswith("kernels")}
    assert compiled <= {"ntt.kernels", "ntt.bound_kernels"}
    for unneeded in ("nn.batched", "nn.cli", "nn.frontend", "nn.zoo", "he.bfv", "he.interop"):
        assert not {name for name in own if name.startswith(f"{unneeded}.")}, unneeded
