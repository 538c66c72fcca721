"""The architecture page names every room and every folder, and shows every picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_doors import ROOMS
from tools.pictures.__main__ import FOLDER
from tools.pictures.imports import folders, imports

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def named_folders(page: str, room: str) -> set[str]:
    """The folders in the first column of a room's table, without those inside others."""
    (table,) = re.findall(rf"^\| `{room}` \| \|\n\| --- \| --- \|\n((?:\|.*\n)+)", page, re.M)
    names = re.findall(r"`([\w.]+)`", " ".join(row.split("|")[1] for row in table.splitlines()))
    return {name for name in names if "." not in name}


@pytest.mark.parametrize("room", ROOMS)
def test_page__names_the_folders_of_every_room(room: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert named_folders(page, room) == set(folders(imports(), room))


def test_page__shows_the_pictures() -> None:
    shown = set(re.findall(r"\(pictures/([\w-]+\.svg)\)", PAGE.read_text(encoding="utf-8")))
    assert shown == {
        "rooms.svg",
        "way-of-an-image.svg",
        "way-of-a-limb.svg",
        "way-of-an-instruction.svg",
    }
    assert all((FOLDER / name).is_file() for name in shown)
