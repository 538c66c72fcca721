"""Draw the pictures of the documentation again, each from the code that it shows.

    python tools/pictures

A test holds the committed files to what this writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import nn  # noqa: E402
from accel_model import load_machine, lower  # noqa: E402
from benchmarks.comparison.options import generated  # noqa: E402
from he.format.files import replaced_file  # noqa: E402
from ntt.terminal import run_command, show  # noqa: E402
from tools.pictures import (  # noqa: E402
    bootstrap,
    first_cycles,
    image,
    instruction,
    limb,
    machine,
    rooms,
)
from tools.pictures.imports import imports  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"


def pictures() -> dict[str, str]:
    """File name -> SVG, for docs/pictures."""
    plan = nn.compile(nn.zoo.load("mnist"))
    timed = generated(lower(plan.trace()), load_machine("asic7"))
    return {
        "rooms.svg": rooms.draw(imports()),
        "way-of-an-image.svg": image.draw(),
        "way-of-a-limb.svg": limb.draw(),
        "way-of-an-instruction.svg": instruction.draw(),
        "way-of-a-bootstrap.svg": bootstrap.draw(),
        "machine.svg": machine.draw(timed.shape),
        "first-cycles.svg": first_cycles.draw(timed, "mnist on the machine of the size of asic7"),
    }


def main() -> int:
    """Write every picture and return the exit status."""
    for name, picture in pictures().items():
        with replaced_file(FOLDER / name) as file:
            file.write(picture)
        show(f"docs/pictures/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
