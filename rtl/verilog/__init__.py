"""From a block to Verilog."""
