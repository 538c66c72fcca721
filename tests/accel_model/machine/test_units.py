"""The model's cycles beside what the generated blocks state of themselves, which simulation holds
them to: every geometry, not only those that were recorded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accel_model.machine.units import AutomorphismTiming, NTTTiming, generated_pointwise
from ntt.modulus import find_primes
from rtl.arithmetic.reductions import REDUCTIONS, modular_multiplier
from rtl.units.automorphism import AutomorphismUnit
from rtl.units.ntt.unit import NTTUnit
from rtl.units.pointwise import PointwiseUnit

PRIMES = {width: find_primes(width, 1 << 12, 1) for width in (24, 28, 50, 60)}
multipliers = st.builds(
    lambda reduction, width: (modular_multiplier(reduction, width, word_bits=8), PRIMES[width]),
    st.sampled_from(REDUCTIONS),
    st.sampled_from(sorted(PRIMES)),
)


@st.composite
def geometries(draw):
    """N from 8 to 4096, and as many butterflies as halve it or fewer, up to 32."""
    log_n = draw(st.integers(3, 12))
    return 1 << log_n, 1 << draw(st.integers(0, min(log_n - 1, 5)))


@given(
    geometry=geometries(),
    multiplier=multipliers,
    buffers=st.integers(1, 2),
    twiddles=st.sampled_from(["stored", "generated"]),
)
def test_ntt__every_configuration_takes_the_cycles_that_the_unit_states(
    geometry, multiplier, buffers, twiddles
):
    block, primes = multiplier
    unit = NTTUnit(*geometry, primes, block, buffers, twiddles)
    model = NTTTiming(*geometry, buffers, twiddles, unit.butterfly.latency, block.latency)
    for name in ("beats", "transform_cycles", "latency_cycles", "interval_cycles"):
        assert getattr(model, name) == getattr(unit, name), name


@given(multiplier=multipliers, lanes=st.integers(1, 16), factored=st.booleans())
def test_pointwise__takes_the_cycles_that_the_unit_states(multiplier, lanes, factored):
    block, primes = multiplier
    unit = PointwiseUnit(lanes, primes, block, factored)
    model = generated_pointwise(
        4096, lanes, block.latency, unit.multipliers_per_lane, unit.adder.latency
    )
    assert model.latency_cycles == unit.latency_cycles
    assert model.modulus_change_cycles == unit.modulus_change_cycles


@given(geometry=geometries(), buffers=st.integers(1, 2))
def test_automorphism__takes_the_cycles_that_the_unit_states(geometry, buffers):
    unit = AutomorphismUnit(*geometry, PRIMES[28], 28, buffers)
    model = AutomorphismTiming(*geometry, buffers)
    assert model.latency_cycles == unit.latency_cycles
    assert model.interval_cycles == unit.interval_cycles
