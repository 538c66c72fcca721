"""The README does what it says, its figures are those of the results, and it stays short."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"


def result(name: str) -> dict[str, Any]:
    """A committed result file."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_readme__is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_readme__example_classifies_as_the_cleartext_network() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    cleartext = names["network"](names["images"][:8])
    assert names["logits"].shape == (8, 10)
    assert (abs(names["logits"] - cleartext) <= names["plan"].predicted_error).all()
    assert (names["logits"].argmax(axis=1) == cleartext.argmax(axis=1)).all()
    assert len(example.splitlines()) == 8


def test_readme__four_numbers_are_those_of_the_results() -> None:
    text = README.read_text(encoding="utf-8")
    image = result("nn-bench-mnist")
    assert image["threads"] == 1
    assert f"**{1e3 * image['server_seconds_median']:.0f} ms**" in text

    batch = result("nn-bench-mnist-bfv-batched")
    seconds = batch["server_seconds_median"] / batch["images"]
    assert f"**{1e3 * seconds:.2f} ms** | for each of {batch['images']:,} images" in text
    assert (batch["images_compared"], batch["images_with_a_wrong_integer"]) == (8192, 0)

    rows = {
        (row["operation"], row["N"], row["depth"], row["library"]): row["median_s"]
        for row in result("primitives")["rows"]
    }
    ratios = [
        seconds / rows[*case, "he-accel"]
        for (*case, library), seconds in rows.items()
        if library == "Pyfhel" and case[0] in ("multiply", "rotate", "rotate16")
    ]
    assert f"**{min(ratios):.0f} to {max(ratios):.0f} times**" in text

    accuracy = result("nn-accuracy-mnist")
    within = accuracy["logits"] - accuracy["outside"]
    assert f"**{within:,} of {accuracy['logits']:,}**" in text


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links__lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_readme__demo_prints_the_lines_shown(tmp_path: Path) -> None:
    """Titles, columns and the last lines, whatever this machine's times are."""
    (shown,) = re.findall(r"```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    finished = subprocess.run(
        [sys.executable, "-m", "nn", "demo", "--output", str(tmp_path / "he-accel-demo.png")],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=500,
    )  # fmt: skip
    printed = [re.sub(r"[\d.]+", "#", line).split() for line in finished.stdout.splitlines()]
    for line in shown.splitlines():
        words = re.sub(r"[\d.]+", "#", line).split()
        if not line.startswith((" ..", "Picture", " ─")) and line.strip(". "):
            assert words in printed, line


def test_citation__has_the_version_and_licence_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["authors"]
