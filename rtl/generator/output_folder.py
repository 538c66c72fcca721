"""A folder with the Verilog, the memory images and the datasheet of a block."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from rtl.errors import OptionError, OutputError
from rtl.generator.catalogue import AnyBlock
from rtl.generator.datasheet import datasheet
from rtl.verilog.design import emit


def write_folder(block: AnyBlock, name: str, folder: Path) -> list[Path]:
    """Create `folder` with NAME.v, its images and NAME.md, and return their paths.

    The folder appears when it is complete. Raises `OutputError` if it exists and is not empty, or
    cannot be created; `OptionError` for a name that Verilog does not allow; `ToolError`.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        nearest = re.sub(r"^(?=\d)|\W", "_", name, flags=re.ASCII) or "block"
        raise OptionError(
            f"module name {name!r}: it must consist of letters, digits and underscores, and not "
            f"start with a digit; the nearest is {nearest!r}"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is not empty: name a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)
    except OSError as error:
        raise OutputError(f"{folder} cannot be created: {error}") from error
    work = Path(beside)
    try:
        made = emit(block.hardware(), name)
        made.write(work)
        (work / f"{name}.md").write_text(datasheet(block, made))
        work.chmod(0o755)
        work.replace(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return sorted(folder.iterdir())
