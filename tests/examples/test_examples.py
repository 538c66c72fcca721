"""Every example runs as its first lines say, prints what it promises, and is short."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(name: str, *arguments: str) -> str:
    """What an example prints, run by itself from the project's folder."""
    finished = subprocess.run(
        [sys.executable, f"examples/{name}.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example__is_short_and_has_a_test(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"    python examples/{path.name}\n" in text
    assert f'run("{path.stem}"' in Path(__file__).read_text(encoding="utf-8")


def test_client_and_server__exchange_bytes_and_classify() -> None:
    printed = run("client_and_server")
    classes, labels = re.findall(r"\[([\d ]+)\]", printed)[-2:]
    assert classes == labels == "7 2 1 0"
    assert re.search(r"^received [\d,]+ bytes of answers$", printed, re.MULTILINE)


def test_own_network__keeps_to_its_predicted_error() -> None:
    printed = run("own_network")
    found = re.search(r"^largest error (\S+), predicted at most (\S+)$", printed, re.MULTILINE)
    assert found is not None
    assert float(found[1]) <= float(found[2])
    classes, labels = (words.split() for words in re.findall(r"\[([\d ]+)\]", printed)[-2:])
    # Eight images of a network that is right on some 95 %.
    assert sum(a == b for a, b in zip(classes, labels, strict=True)) >= 6


def test_exact_integers__are_exact() -> None:
    printed = run("exact_integers")
    counts, cleartext = re.findall(r"\[([\d ]+)\]", printed)[:2]
    assert counts.split() == cleartext.split()
    assert "a vote above one" in printed


def test_three_executors__agree() -> None:
    printed = run("three_executors")
    assert re.search(r"^NumPy: the software's bits$", printed, re.MULTILINE)
    assert re.search(r"^model: [\d.]+ ms on ecp5", printed, re.MULTILINE)
    assert re.search(r"^simulated hardware: the software's bits, 8,192 ", printed, re.MULTILINE)


def test_bootstrapping__keeps_what_it_promises() -> None:
    printed = run("bootstrapping")
    promised = re.search(r"^promised: ([\d.]+) bits in every slot$", printed, re.MULTILINE)
    found = re.search(r"2\^-([\d.]+)$", printed, re.MULTILINE)
    assert promised is not None
    assert found is not None
    # Four bootstraps, and polynomials that multiply an error by 3/2 at most each.
    assert float(found[1]) >= float(promised[1]) - 2 - 5 * 0.6


def test_architecture_search__ranks_networks_by_accuracy_and_time(tmp_path: Path) -> None:
    file = tmp_path / "search.json"
    printed = run("architecture_search", "2", "1000", str(file)).splitlines()
    rows = {row["network"]: row for row in json.loads(file.read_text())["rows"]}
    assert list(rows) == ["(2, 2, 0)", "(2, 2, 32)"]
    times = [rows[re.search(r"\(.*?\)", line)[0]]["time_s"] for line in printed]
    assert times == sorted(times)
    assert printed[0].startswith("best")  # nothing is faster
    for row in rows.values():
        assert 0.3 < row["accuracy"] < 1  # of ten classes, after 15 steps
        assert 0 < row["on_chip_bytes"] <= row["external_memory_bytes"] <= row["traffic_bytes"]
