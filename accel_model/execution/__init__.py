"""A program on real limbs, in NumPy."""
