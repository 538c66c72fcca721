"""A block as Verilog, and its ports as flat fields."""
