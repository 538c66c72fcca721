"""What the documentation takes from the code: pictures, and the tables of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ntt.modulus import find_primes
from rtl.arithmetic.reductions import modular_multiplier
from rtl.characterize.report import tables
from rtl.characterize.results import Entry
from rtl.documents.drawing import draw_schedule, draw_unit
from rtl.errors import OutputError
from rtl.units.ntt.schedule import Schedule
from rtl.units.ntt.unit import NTTUnit

BEGIN, END = "<!-- measurements: begin -->", "<!-- measurements: end -->"


def pictures() -> dict[str, str]:
    """File name -> SVG, for docs/pictures."""
    multiplier = modular_multiplier("word", 50, word_bits=17)
    unit = NTTUnit(1024, 8, find_primes(50, 1 << 17, 1), multiplier, buffers=2)
    return {
        "ntt-unit.svg": draw_unit(unit),
        "ntt-schedule.svg": draw_schedule(Schedule(32, 2, 10), False),
    }


def with_tables(page: str, entries: Sequence[Entry]) -> str:
    """The page with the measurements' tables between its two markers; raises `OutputError`."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise OutputError(f"the page must hold {BEGIN!r} and {END!r} once each")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables(entries)}\n\n{END}{rest.partition(END)[2]}"


def update(page: Path, entries: Sequence[Entry]) -> None:
    """Bring a page, and the pictures beside it, up to date."""
    try:
        text = page.read_text()
    except OSError as error:
        raise OutputError(f"{page} cannot be read: {error}") from error
    page.write_text(with_tables(text, entries))
    folder = page.parent / "pictures"
    folder.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        (folder / name).write_text(picture)
