"""Files of every kind, mutated: each loads as something whole or raises a named error.

By default 500 mutations a kind and way; `-m slow` runs 100,000.
"""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from matplotlib import image

import nn
from accel_model.errors import AcceleratorError
from accel_model.estimation.estimate import estimate
from accel_model.isa import program_file
from accel_model.lowering.operations import lower
from accel_model.machine.machine_file import CONFIGS, load_machine
from he.errors import HEError
from he.trace import OpTrace, Tracer, load, save
from nn.cli.data import load_data
from nn.cli.image_files import read_images
from nn.errors import NetworkError
from nn.zoo.datasets import read_idx
from rtl.characterize import liberty, results
from rtl.errors import HardwareError
from rtl.simulation import vectors
from tests.accel_model.programs import product_trace
from tests.mutations import mutated, mutated_archive, mutated_png, peak_bytes, survivors
from tests.rtl.characterize.libraries import toy_library

pytestmark = pytest.mark.filterwarnings("ignore")
FEW, MANY = 500, 100_000
NIGHTLY = (pytest.mark.slow, pytest.mark.timeout(7200))
MOST_GROWTH_BYTES = 600 << 20


class Kind(NamedTuple):
    """A kind of file: its bytes, how it is read and then used, and the ways to mutate it."""

    suffix: str
    original: bytes
    load: Callable[[Path], object]
    use: Callable[[object], object]
    ways: tuple[Callable[[bytes, random.Random], bytes], ...]


def network() -> nn.Network:
    rng = np.random.default_rng(0)
    conv = nn.Conv2d(rng.normal(size=(2, 1, 3, 3)), rng.normal(size=2))
    nodes = (
        nn.Node("conv", conv, ("input",)),
        nn.Node("act", nn.Polynomial([0.1, 0.5, 0.25]), ("conv",)),
        nn.Node("pool", nn.AvgPool2d((2, 2), (2, 2)), ("act",)),
        nn.Node("flat", nn.Flatten(), ("pool",)),
        nn.Node("fc", nn.Linear(rng.normal(size=(3, 8)), rng.normal(size=3)), ("flat",)),
    )
    images = rng.uniform(0, 1, (5, 1, 6, 6))
    return nn.Network("small", (1, 6, 6), nodes, (0.0, 1.0)).calibrated(images)


def trace() -> OpTrace:
    class Ring:
        N, q, p, digit_limbs = 16, (97, 193), (257,), 1

    tracer = Tracer(Ring(), "small")
    a, b, c = (np.zeros((2, 2, 16), dtype=np.uint64) for _ in range(3))
    tracer.input(a)
    tracer.record("add", 1, [a, a], [b])
    tracer.record("multiply_integer", 1, [b], [c], integer=3)
    tracer.output(c)
    return tracer.trace()


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    folder = tmp_path_factory.mktemp("originals")
    net, run = network(), trace()
    nn.save(net, folder / "network.npz")
    save(run, folder / "run.trace")
    program = lower(run)
    arrays = {("input", "0"): np.zeros((2, 2, 16), dtype=np.uint64)}
    program_file.save(program, folder / "program.npz", arrays)
    pixels = np.random.default_rng(1).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    image.imsave(folder / "image.png", pixels)
    np.save(folder / "image.npy", pixels[..., 0])
    np.savez(folder / "data.npz", images=pixels[None, ..., 0], labels=np.array([1]))
    results.save(folder / "results.json", [{"block": {"kind": "x"}, "target": "y", "measured": 1}])
    given = json.dumps([{"modulus": 97, "input": [1, 96], "inverse": False}]).encode()
    library, product = toy_library().encode(), lower(product_trace())
    idx = b"\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04" + bytes(24)

    def kind(
        name: str,
        load: Callable[[Path], object],
        *ways: Callable[[bytes, random.Random], bytes],
        use: Callable[[Any], object] = len,
    ) -> Kind:
        data = (folder / name).read_bytes()
        return Kind(Path(name).suffix, data, load, use, (mutated, *ways))

    return {
        "network": kind("network.npz", nn.load, mutated_archive, use=evaluated),
        "trace": kind("run.trace", load, use=lower),
        "program": kind("program.npz", program_file.load, mutated_archive, use=repr),
        "program data": kind("program.npz", program_file.load_data, mutated_archive),
        "PNG image": kind("image.png", lambda path: read_images(net, path), mutated_png),
        "NumPy image": kind("image.npy", lambda path: read_images(net, path)),
        "labelled images": kind(
            "data.npz", lambda path: load_data(net, path), mutated_archive
        ),
        "machine": Kind(
            ".toml",
            (CONFIGS / "asic7.toml").read_bytes(),
            lambda path: load_machine(str(path)),
            lambda machine: estimate(product, machine),
            (mutated,),
        ),
        "test vectors": Kind(".json", given, vectors.load_entries, residues_of, (mutated,)),
        "measurements": kind("results.json", results.load, use=sorted_by_key),
        "cell library": Kind(".lib", library, liberty.read_liberty, cells_of, (mutated,)),
        "gzipped cell library": Kind(
            ".lib", gzip.compress(library), liberty.read_liberty, cells_of, (mutated, _inside_gzip)
        ),
        "IDX": Kind(".idx", idx, read_idx, len, (mutated,)),
        "gzipped IDX": Kind(".gz", gzip.compress(idx), read_idx, len, (mutated, _inside_gzip)),
    }


NAMED = (NetworkError, HEError, AcceleratorError, HardwareError)
NAMES = (
    "network",
    "trace",
    "program",
    "program data",
    "PNG image",
    "NumPy image",
    "labelled images",
    "machine",
    "test vectors",
    "measurements",
    "cell library",
    "gzipped cell library",
    "IDX",
    "gzipped IDX",
)


def evaluated(loaded: nn.Network) -> None:
    """A network that loads can be evaluated; huge weights may overflow, which `compile` refuses."""
    images = np.full((1, *loaded.input_shape), loaded.input_range[1])
    assert loaded(images).shape == (1, *loaded.output_shape)


def residues_of(entries: list[vectors.Entry]) -> None:
    for entry in entries:
        q = entry.integer("modulus")
        assert entry.residues("input", None, q).dtype == np.uint64


def sorted_by_key(entries: list[results.Entry]) -> None:
    assert len(results.merged(entries, {"block": {}, "target": ""})) <= len(entries) + 1


def cells_of(text: str) -> None:
    liberty.library_name(text)
    liberty.check_cells([text])


def _inside_gzip(data: bytes, chance: random.Random) -> bytes:
    return gzip.compress(mutated(gzip.decompress(data), chance))


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=NIGHTLY)])
@pytest.mark.parametrize("name", NAMES)
def test_mutated_files__load_or_raise_a_named_error(
    kinds: dict[str, Kind], name: str, count: int, tmp_path: Path
) -> None:
    kind = kinds[name]
    path = tmp_path / f"mutated{kind.suffix}"

    def load_and_use(data: bytes) -> object:
        path.write_bytes(data)
        return kind.use(kind.load(path))

    before = peak_bytes()
    for way in kind.ways:
        seed = FEW if count == MANY else 0
        for _ in survivors(kind.original, load_and_use, NAMED, count, seed, way):
            pass
    assert peak_bytes() - before < MOST_GROWTH_BYTES


def test_originals__load(kinds: dict[str, Kind], tmp_path: Path) -> None:
    assert set(kinds) == set(NAMES)
    for kind in kinds.values():
        path = tmp_path / f"original{kind.suffix}"
        path.write_bytes(kind.original)
        assert kind.load(path) is not None


def test_bombs__are_refused_before_they_grow(tmp_path: Path) -> None:
    """Small files that announce a gigabyte and more."""
    before = peak_bytes()
    net = network()
    bomb = io.BytesIO()
    np.savez_compressed(bomb, images=np.zeros((1 << 12, 100, 36)), labels=np.zeros(1))
    (tmp_path / "data.npz").write_bytes(bomb.getvalue())
    huge = np.zeros((20_000, 20_000), dtype=np.uint8)
    image.imsave(tmp_path / "small.png", huge[:64, :64], cmap="gray")
    png = bytearray((tmp_path / "small.png").read_bytes())
    png[16:24] = (20_000).to_bytes(4, "big") * 2
    (tmp_path / "image.png").write_bytes(png)
    (tmp_path / "many.idx").write_bytes(b"\x00\x00\x08\x02" + b"\xff" * 8)
    del huge
    with pytest.raises(NetworkError):
        load_data(net, tmp_path / "data.npz")
    with pytest.raises(NetworkError, match="20000 x 20000"):
        read_images(net, tmp_path / "image.png")
    with pytest.raises(NetworkError, match="at most"):
        read_idx(tmp_path / "many.idx")
    assert peak_bytes() - before < MOST_GROWTH_BYTES
