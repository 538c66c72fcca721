"""Writes a block's Verilog, memory images and page into a folder, all of it or nothing."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from rtl.errors import OptionError, OutputError
from rtl.generator.catalogue import AnyBlock, hardware
from rtl.generator.datasheet import datasheet
from rtl.verilog.emit import design


def generate(block: AnyBlock, name: str, folder: Path) -> list[Path]:
    """Create `folder` with NAME.v, its images and NAME.md; returns their paths.

    The folder appears when everything is in it. Raises `OutputError` when it exists already and
    is not empty, or cannot be made; `OptionError` for a name that Verilog does not take.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        nearest = re.sub(r"^(?=\d)|\W", "_", name, flags=re.ASCII) or "block"
        raise OptionError(
            f"module name {name!r}: letters, digits and underscores, no digit first; "
            f"the nearest is {nearest!r}"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is not empty: name a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error}") from error
    work = Path(beside)
    try:
        made = design(hardware(block), name)
        made.write(work)
        (work / f"{name}.md").write_text(datasheet(block, made))
        work.chmod(0o755)
        work.replace(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return sorted(folder.iterdir())
