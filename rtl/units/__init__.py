"""The accelerator's units: pointwise, automorphism and NTT."""
