"""Kernels that start without Numba: machine code as files, and the Python functions made of it."""
