"""Blocks measured: synthesis, placement and routing on FPGAs, mapping to standard cells, cycles."""
