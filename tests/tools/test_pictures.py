"""The pictures of the architecture page are what the code draws, and say what the code does."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import he
from accel_model.isa import Opcode, Phase
from tests.test_doors import DOORS, ROOMS
from tools.pictures.__main__ import pictures
from tools.pictures.imports import doors, floors, folders, imports
from tools.pictures.limb import counts

ROOT = Path(__file__).resolve().parents[2]


def test_pictures__are_what_the_code_draws() -> None:
    for name, picture in pictures().items():
        ElementTree.fromstring(picture)
        committed = (ROOT / "docs" / "pictures" / name).read_text(encoding="utf-8")
        assert committed == picture, f"{name}: run `python tools/pictures`"


def test_doors__of_the_picture_are_those_that_the_rules_open() -> None:
    for (source, target), names in doors(imports()).items():
        # The picture names folders; a rule may open single modules of a folder.
        opened = {".".join(door.split(".")[:2]) for door in DOORS[source]}
        assert target in opened or {f"{target}.{name}" for name in names} <= opened


@pytest.mark.parametrize("room", ROOMS)
def test_floors__have_every_folder_and_no_import_leads_up(room: str) -> None:
    graph = imports()
    levels = floors(graph, room)
    height = {name: -level for level, names in enumerate(levels) for name in names}
    assert set(height) == set(folders(graph, room))
    for module, targets in graph.items():
        for target in targets:
            source, below = module.split("."), target.split(".")
            if source[0] == below[0] == room and source[1:2] != below[1:2]:
                lower = height.get(below[1] if below[1:] else "", -99)
                assert len(source) < 3 or height[source[1]] >= lower


def test_floors__of_folders_that_import_each_other_are_one() -> None:
    graph = {
        "nn.cli.main": {"nn.packed.plan"},
        "nn.packed.plan": {"nn.batched.plan"},
        "nn.batched.plan": {"nn.packed.plan", "nn.zoo"},
        "nn.zoo": set(),
    }
    modules: dict[str, set[str]] = {
        name: set() for name in ("nn", "nn.cli", "nn.packed", "nn.batched")
    }
    assert floors(graph | modules, "nn") == [["cli"], ["batched", "packed"], ["zoo"]]


def test_limb__counts_are_those_of_hybrid_key_switching() -> None:
    """A transform of each limb back, of each digit's other limbs forth; a product a key limb."""
    params = he.CKKSParameters.build(5, dnum=3)
    found, limbs = counts(params), len(params.q) + len(params.p)
    assert found[Phase.DECOMPOSE, Opcode.INTT] == len(params.q)
    assert found[Phase.DECOMPOSE, Opcode.NTT] == params.dnum * limbs - len(params.q)
    products = found[Phase.KEY_PRODUCT, Opcode.MUL] + found[Phase.KEY_PRODUCT, Opcode.MULADD]
    assert products == 2 * params.dnum * limbs
