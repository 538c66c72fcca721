"""Activations and maxima replaced by polynomials, so that a network can run encrypted."""
