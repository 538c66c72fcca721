"""What a network costs on modelled accelerators with words of 50 and of 28 bits."""

from __future__ import annotations

from tools.tables.markdown import commands, table
from tools.tables.result_files import commits, load


def short_words() -> str:
    """`mnist` on machines of both words, with their options, for one image and for four."""
    result = load("short-words")
    cells = [
        [
            f"`{row['machine']}`{', all options' if row['options'] else ''}",
            str(row["images"]),
            f"{1e6 * row['time_s'] / row['images']:.1f}",
            f"{1e3 * row['energy_j'] / row['images']:.2f}",
            f"{row['area']:.1f}",
            row["bottleneck"],
        ]
        for row in result["rows"]
    ]
    head = ("machine", "images together", "time an image, us", "energy an image, mJ", "area, mm2",
            "bound by")  # fmt: skip
    return (
        table(head, cells, "lrrrrl")
        + "\nBound by: the largest of the bounds that no schedule is below; "
        + f"{commits([result])}.\n\n"
        + commands([result["command"]])
    )
