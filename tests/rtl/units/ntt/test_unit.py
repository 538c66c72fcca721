"""The NTT unit in Verilator against ntt/: bits, cycles, streams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ntt import oracle
from ntt.modulus import find_primes
from rtl.arithmetic.modmul import ModularMultiplier
from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.errors import BlockModulusError, GeometryError, OptionError
from rtl.simulation.drivers import Transform, check_ntt, run_ntt, transforms_for
from rtl.units.ntt.unit import NTTUnit


@dataclass(frozen=True)
class Case:
    N: int
    butterflies: int
    width: int = 28
    reduction: str = "word"
    moduli: int = 1
    buffers: int = 1
    twiddles: str = "stored"

    def unit(self) -> NTTUnit:
        return NTTUnit(
            self.N,
            self.butterflies,
            find_primes(self.width, max(self.N, 128), self.moduli),
            self.multiplier(),
            self.buffers,
            self.twiddles,
        )

    def multiplier(self) -> ModularMultiplier:
        # Primes are 1 mod 256 at least, and 1 mod 2 N.
        return modular_multiplier(self.reduction, self.width, word_bits=8)


# Small, but every parameter's every value once, and every pair that shares a piece of hardware.
GRID = [
    Case(8, 1, buffers=2),
    Case(8, 4, reduction="barrett", moduli=2, twiddles="generated"),
    Case(16, 2, width=16, reduction="montgomery", moduli=2),
    Case(64, 4, moduli=3, buffers=2),
    Case(64, 8, reduction="montgomery", twiddles="generated", buffers=2),
    Case(128, 16, reduction="barrett"),
    Case(256, 1, width=60, reduction="barrett", twiddles="generated"),
    Case(1024, 8, width=50, moduli=2, buffers=2),
]
WIDE_GRID = [
    Case(N, butterflies, width, reduction, 2, buffers, twiddles)
    for N in (8, 32, 256)
    for butterflies in (1, 2, 4, 16)
    if 2 * butterflies <= N
    for width in (24, 50)
    for reduction in REDUCTIONS
    for buffers, twiddles in ((1, "stored"), (2, "generated"))
]
LARGE = [Case(4096, 4, 50), Case(16384, 8, 50, buffers=2), Case(65536, 1, 50), Case(65536, 32, 36)]


def check_bound(unit: NTTUnit) -> None:
    """At most log2(N) N / (2 butterflies) + 64 cycles where a stage is longer than the pipeline:
    where its first results are readable before it ends.

    Generated twiddles lengthen the pipeline by their lead. Where a stage is longer than that too,
    only what the data dependence forces can come on top of the 64; elsewhere the lead can.
    """
    schedule = unit.schedule
    ideal = schedule.log_N * schedule.steps
    if schedule.steps > schedule.write_after:
        assert unit.transform_cycles - unit.twiddle_lead_cycles <= ideal + 64
    if schedule.steps > schedule.write_after + unit.twiddle_lead_cycles:
        waits = schedule.issue_cycles - ideal
        assert unit.transform_cycles - waits <= ideal + 64


def check_case(case: Case, count: int) -> None:
    """Bits of every result, the cycles of one transform, latency and steady interval."""
    unit = case.unit()
    work = transforms_for(unit, count, seed=1, edges=case.N <= 1024)
    run = run_ntt(unit, work)
    check_ntt(unit, work, run)
    assert run.out_cycle[0, 0] - run.in_cycle[0, -1] == unit.latency_cycles
    assert (np.diff(run.out_cycle[:, 0]) == unit.interval_cycles).all()
    check_bound(unit)
    if unit.buffers == 1:
        assert run.busy_cycles == len(work) * unit.transform_cycles
    else:
        # Back to back: all but the last transform's write-back overlaps the next one's steps.
        total = (len(work) - 1) * unit.interval_cycles + unit.transform_cycles
        assert run.busy_cycles == total


@pytest.mark.parametrize("case", GRID, ids=str)
def test_unit__bits_and_cycles_are_as_stated(case):
    check_case(case, count=4)


@pytest.mark.slow
@pytest.mark.parametrize("case", WIDE_GRID, ids=str)
def test_unit__bits_and_cycles_are_as_stated_over_the_wide_grid(case):
    check_case(case, count=6)


@pytest.mark.slow
@pytest.mark.parametrize("case", LARGE, ids=str)
def test_unit__bits_and_cycles_are_as_stated_at_large_sizes(case):
    check_case(case, count=4)


def test_unit__equals_the_oracle_itself():
    unit = Case(16, 2, width=16, reduction="montgomery", moduli=2).unit()
    work = transforms_for(unit, 6, seed=2)
    run = run_ntt(unit, work)
    for transform, got in zip(work, run.results, strict=True):
        twin = oracle.inverse if transform.inverse else oracle.forward
        assert got.tolist() == twin(transform.x.tolist(), unit.moduli[transform.modulus])


@pytest.mark.parametrize("buffers", [1, 2])
def test_streams__stalls_on_both_sides_change_no_bit(buffers):
    unit = Case(64, 4, moduli=3, buffers=buffers).unit()
    work = transforms_for(unit, 10, seed=3)
    rng = np.random.default_rng(4)
    for offer_rate, take_rate in ((0.5, 1.0), (1.0, 0.05), (0.3, 0.3)):
        run = run_ntt(
            unit,
            work,
            offer_pattern=(rng.random(997) < offer_rate).astype(np.uint8),
            take_pattern=(rng.random(1009) < take_rate).astype(np.uint8),
        )
        check_ntt(unit, work, run)


def test_product__of_two_transforms_is_the_negacyclic_product():
    unit = Case(64, 4, moduli=3, buffers=2).unit()
    q = unit.moduli[0]
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, q, (2, 64), dtype=np.uint64)
    spectra = run_ntt(unit, [Transform(a, 0, False), Transform(b, 0, False)]).results.astype(object)
    product = np.array(spectra[0] * spectra[1] % q, np.uint64)
    (result,) = run_ntt(unit, [Transform(product, 0, True)]).results
    assert result.tolist() == oracle.negacyclic_product(a.tolist(), b.tolist(), q)


@pytest.mark.parametrize("width", [28, 36, 50, 61])
@pytest.mark.parametrize(
    ("reduction", "word_bits"),
    [("barrett", 0), ("montgomery", 0), ("word", 8), ("word", 11), ("word", 14), ("word", 17)],
)
def test_cycles__within_the_bound_wherever_a_stage_is_longer_than_the_pipeline(
    reduction, word_bits, width
):
    multiplier = modular_multiplier(reduction, width, word_bits=word_bits)
    for log_N in range(3, 17):
        moduli = find_primes(width, max(1 << log_N, 1 << word_bits), 1)
        for butterflies in (1, 2, 4, 8, 16, 32):
            if 2 * butterflies > 1 << log_N:
                continue
            stored, generated = (
                NTTUnit(1 << log_N, butterflies, moduli, multiplier, 1, twiddles)
                for twiddles in ("stored", "generated")
            )
            check_bound(stored)
            # Words below log2(2N) bits only lengthen a pipeline: a choice, and a bad one.
            if reduction != "word" or word_bits >= min(log_N + 1, 17):
                check_bound(generated)
            lead = generated.twiddle_lead_cycles
            assert stored.twiddle_lead_cycles == 0
            assert generated.transform_cycles == stored.transform_cycles + lead
            assert generated.schedule == stored.schedule
            assert lead == max(0, multiplier.latency - (6 if butterflies > 1 else 4))


def test_cycles__1024_points_on_8_butterflies_beat_parametric_ntt():
    unit = NTTUnit(
        1024, 8, find_primes(50, 1 << 17, 1), modular_multiplier("word", 50, word_bits=18)
    )
    # acmert/parametric-ntt, as published: NTT log2N (N / (2 PE) + 16) + 8, INTT N/PE + 14 more.
    published_forward = 10 * (1024 // 16 + 16) + 8
    published_inverse = published_forward + 1024 // 8 + 14
    assert (published_forward, published_inverse) == (808, 950)
    assert unit.schedule.issue_cycles == 10 * 1024 // 16
    assert unit.transform_cycles == 670


def test_generated_twiddles__save_memory_and_cost_a_multiplier_a_lane():
    stored = Case(1024, 4, width=50).unit()
    generated = Case(1024, 4, width=50, twiddles="generated").unit()
    assert stored.twiddle_memory_bits == 1024 * 50
    assert generated.twiddle_memory_bits == (4 * 16 + 64) * 50
    per_lane = stored.multiplier.hard_multipliers
    assert generated.hard_multipliers - stored.hard_multipliers == 4 * per_lane


def test_parameters__misfits_are_refused_with_the_way_out():
    multiplier = modular_multiplier("word", 28, word_bits=8)
    (q,) = find_primes(28, 128, 1)
    with pytest.raises(GeometryError, match="the nearest is 16"):
        NTTUnit(17, 1, (q,), multiplier)
    with pytest.raises(GeometryError, match="the nearest is 2"):
        NTTUnit(64, 1, (q,), multiplier, buffers=3)
    with pytest.raises(OptionError, match="stored, generated"):
        NTTUnit(64, 1, (q,), multiplier, twiddles="guessed")
    with pytest.raises(BlockModulusError, match="find_primes"):
        NTTUnit(1 << 16, 1, (q,), multiplier)
    with pytest.raises(BlockModulusError, match="not prime"):
        NTTUnit(64, 1, (q * 3,), multiplier)
    with pytest.raises(BlockModulusError, match="use a width of 30"):
        NTTUnit(64, 1, find_primes(30, 128, 1), multiplier)
    with pytest.raises(BlockModulusError, match="empty"):
        NTTUnit(64, 1, (), multiplier)
    with pytest.raises(BlockModulusError, match="largest word for it has"):
        NTTUnit(64, 1, (q,), modular_multiplier("word", 28, word_bits=20))
