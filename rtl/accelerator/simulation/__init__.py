"""The machine in Verilator, behind a model of external memory."""
