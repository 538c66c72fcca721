"""Operation counts beside SimFHE's: as checks, and as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from accel_model.validation.check import Check
from accel_model.validation.count_differences import OPERATIONS, total
from accel_model.validation.published_machines import published
from accel_model.validation.simfhe import Shape, Work, simfhe_operations

SHAPES = (Shape(131072, 40, 2), Shape(8192, 6, 6))
"""SimFHE's BEST_PARAMS, and the size of a small network's first layer."""


def simfhe_run() -> list[Check]:
    """SimFHE's formulas, restated here, beside a run of SimFHE, in Gop with its four digits."""
    run: Mapping[str, Any] = published()["simfhe"]
    shape = Shape(run["N"], run["limbs"], run["dnum"])
    origin = f"{run['origin']} [{run['tag']}]"
    checks = []
    for operation in OPERATIONS[1:]:
        counted = round(simfhe_operations(operation.simfhe(shape), shape.N) / 1e9, 3)
        subject = f"SimFHE's formulas restated: {operation.name}, Gop"
        checks.append(Check(subject, run[f"{operation.name}_gop"], counted, origin))
    return checks


def explained() -> list[Check]:
    """The counts of every operation: ours, beside SimFHE's plus the listed differences."""
    checks = []
    for shape in SHAPES:
        for operation in OPERATIONS:
            theirs = operation.simfhe(shape) + total(operation.differences(shape))
            ours = operation.ours(shape)
            where = f"{operation.name}, {shape.limbs} limbs, {shape.dnum} digits"
            for name in ("transforms", "products", "sums"):
                reference, counted = getattr(theirs, name), getattr(ours, name)
                origin = "SimFHE's formulas and the differences below"
                checks.append(Check(f"{name} of {where}", reference, counted, origin))
    return checks


def count_lines() -> Iterator[str]:
    """The table: our counts, SimFHE's counts, and every difference with its reason."""
    for shape in SHAPES:
        yield (
            f"  {shape.limbs} limbs in {shape.dnum} digits, {shape.special} special limbs; counts "
            "in limbs: transforms, then products and sums outside of transforms"
        )
        for operation in OPERATIONS:
            ours, theirs = operation.ours(shape), operation.simfhe(shape)
            yield f"    {operation.name:<11} ours {_words(ours)}   SimFHE {_words(theirs)}"
            for difference in operation.differences(shape):
                yield f"      {_signed(difference.work)}  {difference.reason}"
    yield (
        "  SimFHE also counts 3 N / 2 products a transform, which make the twiddle factors: here "
        "twiddle factors are stored, or their products are a part of the transform"
    )


def _words(work: Work) -> str:
    return f"{work.transforms:>5}{work.products:>7}{work.sums:>7}"


def _signed(work: Work) -> str:
    return f"{work.transforms:>+5}{work.products:>+7}{work.sums:>+7}"
