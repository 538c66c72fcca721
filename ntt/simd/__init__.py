"""Vectors as first-class types inside Numba kernels: integers and floats."""
