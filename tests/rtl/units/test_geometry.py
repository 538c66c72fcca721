"""The sizes that units can have."""

from __future__ import annotations

import pytest

from rtl.errors import GeometryError
from rtl.units.geometry import check_buffers, check_geometry


@pytest.mark.parametrize(
    ("N", "butterflies", "nearest"),
    [(1000, 1, "1024"), (4, 1, "8"), (1 << 17, 1, "65536"), (64, 3, "2"), (64, 64, "32"),
     (8, 8, "4"), (64, 0, "1")],
)  # fmt: skip
def test_geometry__misfit_is_refused_with_the_nearest_choice(N, butterflies, nearest):
    with pytest.raises(GeometryError, match=rf"the nearest is {nearest}\b"):
        check_geometry(N, butterflies)


def test_geometry__the_error_calls_the_lanes_by_their_name():
    with pytest.raises(GeometryError, match="3 butterflies for N = 64"):
        check_geometry(64, 3, "butterflies")


@pytest.mark.parametrize(("buffers", "nearest"), [(0, 1), (3, 2), (-2, 1)])
def test_buffers__misfit_is_refused_with_the_nearest_choice(buffers, nearest):
    with pytest.raises(GeometryError, match=rf"the nearest is {nearest}\b"):
        check_buffers(buffers)
