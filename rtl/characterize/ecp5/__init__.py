"""Lattice ECP5: synthesis, placement and routing, and the clock that a block reaches."""
