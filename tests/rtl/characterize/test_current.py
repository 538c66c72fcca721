"""Committed facts are those of the blocks as they are now, or the entry says that it is stale."""

from __future__ import annotations

import json

import pytest

from rtl.arithmetic.tiling import Tile
from rtl.characterize.blocks import Block
from rtl.characterize.jobs import TARGETS
from rtl.characterize.machine import units
from rtl.characterize.results import DEFAULT_RESULTS, load

MACHINE = DEFAULT_RESULTS.with_name("ecp5_machine.json")


def facts_of(block: Block, tile: Tile) -> dict[str, object]:
    """What a block states of itself; its hardware is not elaborated."""
    hardware, facts = block.build(tile)
    hardware._MustUse__used = True
    return facts


@pytest.mark.parametrize("entry", load(DEFAULT_RESULTS), ids=lambda e: json.dumps(e["block"])[:60])
def test_facts__of_measured_blocks_are_current(entry):
    parameters = {name: value for name, value in entry["block"].items() if name != "kind"}
    (target,) = [name for name in TARGETS if entry["target"].startswith(name)]
    facts = facts_of(Block(entry["block"]["kind"], parameters), TARGETS[target])
    assert facts == entry["facts"] or "stale" in entry


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.kind)
def test_facts__of_the_ecp5_machine_are_current_or_marked(unit):
    (entry,) = [e for e in load(MACHINE) if e["block"]["kind"] == unit.kind]
    facts = facts_of(unit, TARGETS["ecp5"])
    assert (facts == entry["facts"]) != ("stale" in entry)
