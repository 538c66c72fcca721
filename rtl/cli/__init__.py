"""The command line of the hardware: `python -m rtl`."""
