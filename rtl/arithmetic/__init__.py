"""Modular arithmetic in hardware: multipliers, adders, the butterfly."""
