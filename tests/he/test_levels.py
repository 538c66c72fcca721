"""What levels hold, share and serve, and which levels are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from he.levels import Level, chain, check_levels, serving_levels

Q, P = (97, 193, 257, 353, 449), (577, 641)


def levels_of(*rows: tuple[int, ...], specials: tuple[int, ...] = (0, 1)) -> tuple[Level, ...]:
    return tuple(Level(r, specials, 1) for r in rows)


@given(st.integers(1, 5), st.integers(1, 5), st.lists(st.integers(0, 4), max_size=6))
def test_chain__is_served_by_its_highest_level(primes: int, digits: int, used: list[int]) -> None:
    levels = chain(primes, 2, digits)
    used = [level for level in used if level < primes]
    wrong = f"level 0 has digits of {digits} of {primes} primes" if digits > primes else None
    assert check_levels(levels, Q[:primes], P) == wrong
    assert serving_levels(levels, used) == ((max(used),) if used else ())
    for level, of_level in enumerate(levels):
        assert of_level.limbs == level + 1
        assert [limb for digit in of_level.digits for limb in digit] == list(range(level + 1))
        assert all(of_level.holds(lower) and of_level.serves(lower) for lower in levels[:level])
        assert of_level.shared(levels[-1]) == level + 1


def test_levels__of_own_primes_need_keys_of_their_own() -> None:
    levels = levels_of((0,), (1, 2), (1, 3, 4))
    assert check_levels(levels, Q, P) is None
    assert serving_levels(levels, range(3)) == (2, 1, 0)
    assert levels[2].shared(levels[1]) == 1
    assert not levels[2].holds(levels[1])
    other = Level((0, 1), (0,), 1), Level((0, 1, 2), (0, 1), 1), Level((0, 1, 2, 3), (0, 1), 2)
    assert serving_levels(other, range(3)) == (2, 1, 0)  # of other special primes, other digits


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (levels_of((0, 5)), "level 0 takes (0, 5) of 5 primes q"),
        (levels_of((0, 0)), "level 0 takes"),
        (levels_of(()), "level 0 takes"),
        (levels_of((0,), specials=(2,)), "of 2 primes p"),
        (levels_of((0,), specials=()), "of 2 primes p"),
        ((Level((0,), (0,), 0),), "digits of 0"),
        ((Level((0,), (0,), 6),), "digits of 6 of 5"),
        (levels_of((0, 1), (2, 1)), "levels 0 and 1 share more than their first primes"),
        (levels_of((0, 1), (2,), (2, 3, 4)), "modulus of level 1 is no larger"),
        (levels_of((0,), (0, 1)), "3 of the primes q belong to no level"),
    ],
)
def test_levels__that_cannot_be_are_named(levels: tuple[Level, ...], message: str) -> None:
    wrong = check_levels(levels, Q, P)
    assert wrong is not None
    assert message in wrong
