"""A block under Verilator: built as a shared library, driven from NumPy arrays."""
