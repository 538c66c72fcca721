"""`python tools/tables`: what it writes, what it prints, and its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.tables import __main__ as command

PAGE = "before\n<!-- sum -->\n{}<!-- end of sum -->\nafter\n"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one page, whose one table is stale."""
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "PAGES", {"page.md": {"sum": lambda: "| 3 |\n"}})
    path = tmp_path / "page.md"
    path.write_text(PAGE.format("| 2 |\n"), encoding="utf-8")
    return path


def test_check__names_the_stale_table_and_writes_nothing(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = page.read_text(encoding="utf-8")
    assert command.main(["--check"]) == 1
    assert "page.md: the table `sum` is stale" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8") == before


def test_command__writes_the_table(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    assert "page.md: the table `sum` changed" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8") == PAGE.format("| 3 |\n")
    assert command.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_command__a_page_without_the_markers_is_refused(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page.write_text("no table", encoding="utf-8")
    assert command.main([]) == 2
    assert "page.md: `<!-- sum -->` and `<!-- end of sum -->`" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "no table"


def test_command__runs_from_any_folder(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[3] / "tools" / "tables"
    finished = subprocess.run(
        [sys.executable, folder, "--check"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (finished.returncode, finished.stderr) == (0, "")
