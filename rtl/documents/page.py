"""The page of the documentation that the code keeps up to date: its pictures and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ntt.modulus import find_primes
from rtl.arithmetic.reductions import modular_multiplier
from rtl.characterize.results import Entry
from rtl.documents.drawings import draw_schedule, draw_unit
from rtl.documents.measurement_tables import tables
from rtl.errors import OutputError
from rtl.files import read_bytes, write_whole
from rtl.units.ntt.schedule import Schedule
from rtl.units.ntt.unit import NTTUnit

BEGIN, END = "<!-- measurements -->", "<!-- end of measurements -->"


def pictures() -> dict[str, str]:
    """The SVG pictures of docs/pictures, by file name."""
    multiplier = modular_multiplier("word", 50, word_bits=17)
    unit = NTTUnit(1024, 8, find_primes(50, 1 << 17, 1), multiplier, buffers=2)
    return {
        "ntt-unit.svg": draw_unit(unit),
        "ntt-schedule.svg": draw_schedule(Schedule(32, 2, 10), False),
    }


def with_tables(page: str, entries: Sequence[Entry]) -> str:
    """The page with the tables of the measurements between its two markers.

    Raises `OutputError` unless the page has each marker once.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise OutputError(f"the page must hold {BEGIN!r} and {END!r} once each")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables(entries)}\n\n{END}{rest.partition(END)[2]}"


def update_page(page: Path, entries: Sequence[Entry]) -> None:
    """Update the tables of a page, and the pictures in the folder `pictures` beside the page.

    Raises `OutputError`.
    """
    try:
        text = read_bytes(page).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{page} cannot be read: {error}") from error
    write_whole(page, with_tables(text, entries))
    for name, picture in pictures().items():
        write_whole(page.parent / "pictures" / name, picture)
