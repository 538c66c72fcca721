"""Operations on large rings, beside what their parts cost at the rates of the same run."""

from __future__ import annotations

from tools.tables.markdown import commands, table
from tools.tables.result_files import Result, commits, load


def costs() -> str:
    """Times of operations, of their transforms, products and bytes, and the ratio to the sum."""
    result = load("rings")
    rows: list[Result] = result["rows"]
    head = ["N, limbs", "operation", "ms", "transforms", "products", "bytes", "of the sum"]
    cells = [
        [
            f"{row['N']}, {row['limbs']} + {row['special_limbs']}",
            row["operation"],
            f"**{_ms(row['best_s'])}**",
            _ms(row["transforms_s"]),
            _ms(row["products_s"]),
            _ms(row["bytes_s"]),
            f"{row['best_s'] / _sum(row):.2f}x",
        ]
        for row in rows
    ]
    machine = result["machine"]
    origin = (
        f"{machine['cpu']}, backend `{rows[0]['backend']}`, one thread, primes of 43 bits; the "
        f"least processor time of many calls; load average {machine['load_average']:.1f}; "
        f"{commits([result])}."
    )
    return f"{table(head, cells, 'llrrrrr')}\n{origin}\n\n{commands([result['command']])}"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}"


def _sum(row: Result) -> float:
    """The time of all parts, one after the other."""
    return float(row["transforms_s"] + row["products_s"] + row["bytes_s"])
