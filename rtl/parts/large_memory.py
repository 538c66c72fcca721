"""A memory of any size as a Verilog module of its own, which simulators and mappers read well.

`BlockMemory` writes every word of its contents into the netlist. The scratchpad has no contents,
and millions of bits.
"""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Instance, Module, Signal, Value

MODULE = "he_accel_memory"

VERILOG = f"""
// One port to write, one to read: the word is there a cycle after its address.
module {MODULE} #(parameter WIDTH = 1, parameter DEPTH = 2, parameter ADDRESS = 1) (
    input clk,
    input write,
    input [ADDRESS-1:0] write_address,
    input [WIDTH-1:0] write_data,
    input [ADDRESS-1:0] read_address,
    output reg [WIDTH-1:0] read_data
);
    reg [WIDTH-1:0] words [0:DEPTH-1];
    always @(posedge clk) begin
        if (write) words[write_address] <= write_data;
        read_data <= words[read_address];
    end
endmodule
"""


class LargeMemory:
    """`depth` words of `width` bits, with one read and one write port; without contents."""

    def __init__(self, m: Module, name: str, width: int, depth: int) -> None:
        self._m = m
        bits = max(1, (depth - 1).bit_length())
        self._read_address = Signal(bits, name=f"{name}_read_address")
        self._word = Signal(width, name=f"{name}_word")
        self._enable = Signal(name=f"{name}_enable")
        self._address = Signal(bits, name=f"{name}_address")
        self._data = Signal(width, name=f"{name}_data")
        m.submodules[name] = Instance(
            MODULE,
            p_WIDTH=width,
            p_DEPTH=depth,
            p_ADDRESS=bits,
            i_clk=ClockSignal(),
            i_write=self._enable,
            i_write_address=self._address,
            i_write_data=self._data,
            i_read_address=self._read_address,
            o_read_data=self._word,
        )

    def read(self, address: Value) -> Value:
        """The word at `address`, one cycle later; there is one read."""
        self._m.d.comb += self._read_address.eq(address)
        return self._word

    def write(self, enable: Value, address: Value, word: Value) -> None:
        """Write `word` to `address` at the next clock edge if `enable` is high; once only."""
        self._m.d.comb += [
            self._enable.eq(enable),
            self._address.eq(address),
            self._data.eq(word),
        ]
