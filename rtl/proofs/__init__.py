"""Proofs on the RTL of small units."""
