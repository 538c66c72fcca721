"""What the lattice estimator says of the largest moduli of `he.rlwe.security`.

The estimator (github.com/malb/lattice-estimator) runs on Sage. Outside this project's environment:

    python3 -m venv sage && sage/bin/pip install passagemath-standard
    git clone https://github.com/malb/lattice-estimator
    PYTHONPATH=lattice-estimator sage/bin/python tools/security_estimate.py

prints a table of docs/security.md: log2 of the operations of three attacks on a ring of degree N
whose modulus is as large as the security table allows.
"""

from __future__ import annotations

import argparse
import importlib
import math
from collections.abc import Callable
from typing import Any

BOUNDS = {
    128: {
        1024: 26,
        2048: 53,
        4096: 106,
        8192: 214,
        16384: 430,
        32768: 868,
        65536: 1747,
        131072: 3523,
    },
    192: {2048: 36, 4096: 73, 8192: 147, 16384: 297, 32768: 597, 65536: 1199, 131072: 2411},
    256: {2048: 27, 4096: 56, 8192: 114, 16384: 230, 32768: 462, 65536: 929, 131072: 1866},
}
"""log2(QP) by security level and ring degree, as in `he.rlwe.security`; a test compares them."""

SIGMA = 3.19
"""Standard deviation of the error. The default of `he` is 3.2, which is no weaker."""

ATTACKS = {"uSVP": "primal_usvp", "decoding": "primal_bdd", "dual hybrid": "dual_hybrid"}
"""The estimator's name of each attack."""


def attacks() -> dict[str, Callable[[int, int], float]]:
    """For each attack a function of (N, log2(QP)): log2 of its operations, by the model MATZOV.

    The secret is uniform ternary; the attacker has as many samples as wanted.
    """
    estimator: Any = importlib.import_module("estimator")

    def bits_of(attack: Any) -> Callable[[int, int], float]:
        def bits(N: int, log_qp: int) -> float:
            problem = estimator.LWE.Parameters(
                n=N,
                q=2**log_qp,
                Xs=estimator.ND.Ternary,
                Xe=estimator.ND.DiscreteGaussian(SIGMA),
            )
            return math.log2(attack(problem, red_cost_model=estimator.RC.MATZOV)["rop"])

        return bits

    return {name: bits_of(getattr(estimator.LWE, method)) for name, method in ATTACKS.items()}


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--level", type=int, nargs="+", choices=sorted(BOUNDS), default=sorted(BOUNDS)
    )
    parser.add_argument("--degree", type=int, nargs="+", help="default: all of the table")
    options = parser.parse_args()
    known = attacks()
    print("| level | N | log2(QP) |", " | ".join(known), "|")
    print("| --- | --- | --- |", " | ".join("---" for _ in known), "|")
    for level in options.level:
        for N, log_qp in BOUNDS[level].items():
            if options.degree is None or N in options.degree:
                figures = " | ".join(f"{bits(N, log_qp):.2f}" for bits in known.values())
                print(f"| {level} | {N} | {log_qp} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
