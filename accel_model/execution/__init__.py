"""Execution of a program on real limbs, in NumPy."""
