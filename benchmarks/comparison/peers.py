"""Other libraries, for a comparison."""

from __future__ import annotations

from benchmarks.comparison.compare import Peer
from benchmarks.comparison.software import SoftwareRun
from benchmarks.operations import ckks, suite
from benchmarks.operations.inference import run_tenseal
from benchmarks.peers.library import Case
from ntt import threads
from ntt.terminal import say


def of_operation(name: str, case: Case, seconds: float) -> list[Peer]:
    """The same operation in the libraries that are installed, in turns with ours, on one thread."""
    with threads.limit(1):
        rows = suite.run(
            ckks.SUITE, [case], peers=True, operations=[name], seconds=seconds, report=say
        )
    ours = rows[0].median_s
    what = f"{name} at equal N and depth, in turns with ours"
    return [
        Peer(row.library, row.version, what, row.median_s, ours, row.parameters)
        for row in rows[1:]
    ]


def of_network(software: SoftwareRun, repeats: int) -> list[Peer]:
    """TenSEAL's tutorial network, beside the software run; empty where TenSEAL is not installed."""
    say("TenSEAL: its tutorial network")
    try:
        row = run_tenseal(repeats)
    except ImportError as error:
        say(f"TenSEAL is not installed: {error}")
        return []
    what = f"another network: {row.network}"
    parameters = {"N": row.N, **row.parameters}
    return [Peer(row.library, row.version, what, row.median_s, software.median_s, parameters)]
