"""Bootstraps of other libraries, each in a process of its own, under any Python that has it.

The files of this folder need the library, NumPy and the standard library, and Python 3.10 or later.
"""
