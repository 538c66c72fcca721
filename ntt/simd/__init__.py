"""Vectors of integers and of floats as first-class types inside Numba kernels."""
