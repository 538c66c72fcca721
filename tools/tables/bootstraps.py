"""Bootstraps: seconds, bits, levels, bytes."""

from __future__ import annotations

from tools.tables.markdown import commands, table
from tools.tables.result_files import Result, commits, gigabytes, load

_SETS = {
    "full-stored-keys": "all slots, keys in a file",
    "full": "all slots",
    "full-small-keys": "all slots, `small_keys`",
    "precise": "all slots, more precision",
    "half": "all slots of half the ring",
    "sparse": "sparse real slots",
}


def measured() -> str:
    """Every parameter set, on one thread and on two, of each processor with a result."""
    newest = load("bootstrap")
    own = {row["case"]: row for row in newest["rows"] if row["threads"] == 1}
    peaks = [gigabytes(own[case]["peak_rss_bytes"]) for case in ("full-stored-keys", "full")]
    memory = (
        "Other work of this machine was stopped meanwhile. The process with keys in a file took at "
        f"most {peaks[0]}, with all of them in memory {peaks[1]}, matrices and key making included."
    )
    older = "Before the second chain of full words, on another processor:"
    return "\n\n".join((_of(newest), memory, older, _of(load("bootstrap-xeon"))))


def _of(result: Result) -> str:
    rows: list[Result] = result["rows"]
    head = [
        "", "N", "slots", "levels left", "one thread", "two threads", "bits: worst", "mean",
        "promised", "keys", "keys in memory", "keys made in",
    ]  # fmt: skip
    cells = []
    for one in rows:
        if one["threads"] != 1:
            continue
        both = [row for row in rows if row["case"] == one["case"]]
        two = next(row for row in both if row["threads"] == 2)
        cells.append(
            [
                _SETS[one["case"]],
                str(one["N"]),
                str(one["slots"]),
                f"{one['levels']} of {one['scale_bits']:.0f} bits",
                f"**{one['best_s']:.2f} s**",
                f"{two['best_s']:.2f} s",
                f"{min(row['worst_bits'] for row in both):.1f}",
                f"{one['mean_bits']:.1f}",
                f"{one['predicted_bits']:.1f}",
                gigabytes(one["key_bytes"]),
                gigabytes(one["key_memory_bytes"]),
                f"{one['keys_s']:.0f} s",
            ]
        )
    machine = result["machine"]
    origin = (
        f"{machine['cpu']}, {rows[0]['repeats']} bootstraps of random messages on each number of "
        f"threads, the fastest; bits are those of the error that a bootstrap adds to a slot's real "
        f"or imaginary part; load average {machine['load_average']:.1f}; {commits([result])}."
    )
    return f"{table(head, cells, 'lrrlrrrrrrrr')}\n{origin}\n\n{commands([result['command']])}"
