"""Operations beside other libraries: CKKS, CKKS as most CPUs run it, BFV."""

from __future__ import annotations

from collections.abc import Sequence

from tools.tables.markdown import commands, table
from tools.tables.result_files import Result, commits, load


def ckks() -> str:
    """CKKS operations on the fastest backend, and each library's parameters."""
    return _beside_peers("primitives")


def ckks_fma() -> str:
    """The operations that switch keys, on the backend of CPUs without AVX-512 IFMA."""
    return _beside_peers("primitives-fma", ("multiply", "rotate", "rotate16"))


def bfv() -> str:
    """BFV operations, and each library's parameters."""
    return _beside_peers("bfv")


_CHAIN_TITLE = {
    "primitives": "bits of Q + P, in primes of Q + P",
    "bfv": "bits of Q + P, in primes of Q + P; bits of noise budget left",
}


def _beside_peers(name: str, operations: Sequence[str] = ()) -> str:
    """Times of the given operations, or the times of all operations and the parameters."""
    result = load(name)
    rows: list[Result] = result["rows"]
    cases = list(dict.fromkeys((r["N"], r["depth"]) for r in rows))
    libraries = list(dict.fromkeys(r["library"] for r in rows))
    found = {(r["operation"], r["library"], r["N"], r["depth"]): r for r in rows}
    titles = [f"N = {N}, depth {depth}" for N, depth in cases]
    alignment = "l" * (1 + len(cases))
    times = [
        [kind, *(_times([found.get((kind, lib, *case)) for lib in libraries]) for case in cases)]
        for kind in operations or dict.fromkeys(r["operation"] for r in rows)
    ]
    text = table(["time in ms; peers as a multiple of it", *titles], times, alignment)
    if not operations:
        some = rows[0]["operation"]
        chains = [[lib, *(_chain(found.get((some, lib, *case))) for case in cases)]
                  for lib in libraries]  # fmt: skip
        text += "\n" + table([_CHAIN_TITLE[name], *titles], chains, alignment)
    return f"{text}\n{_origin(result)}\n\n{commands([result['command']])}"


def _origin(result: Result) -> str:
    """Processor, backend, how it was measured, the peers' versions, commit."""
    ours, *others = {row["library"]: row for row in result["rows"]}.values()
    peers = ", ".join(f"{row['library']} {row['version']}" for row in others)
    return (
        f"{result['machine']['cpu']}, backend `{ours['parameters']['backend']}`, one thread; "
        f"medians, with the libraries taking turns in one process; {peers}; {commits([result])}. "
        "The result file holds all parameters."
    )


def _times(rows: Sequence[Result | None]) -> str:
    """This library's milliseconds, then each peer's time over this library's."""
    ours, *others = rows
    assert ours is not None
    cells = [f"**{1e3 * ours['median_s']:.3g}**"]
    cells += [f"{r['library']} {r['median_s'] / ours['median_s']:.1f}x" for r in others if r]
    return "; ".join(cells)


def _chain(row: Result | None) -> str:
    """The size of a modulus and of its special primes, and what is left of the noise budget."""
    if row is None:
        return ""
    parameters = row["parameters"]
    if "q_bits" not in parameters:
        return "not published"
    q, p = parameters["q_bits"], parameters["p_bits"]
    left = parameters.get("budget_after_depth_bits")
    return f"{sum(q)} + {sum(p)} in {len(q)} + {len(p)}" + (f"; {left} left" if left else "")
