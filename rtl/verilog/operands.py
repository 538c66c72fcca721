"""Operators whose operands have the width of their result, as linters of Verilog ask for.

Verilog extends a short operand and cuts a long one by itself. Here this is written out, by Yosys'
`techmap`: the operator stays, and its operands are extended or cut.
"""

from __future__ import annotations

_OF_RESULT = ("add", "sub", "mul", "and", "or", "xor", "xnor")
_OF_OPERANDS = ("eq", "ne", "lt", "le", "gt", "ge")

_TWO_OPERANDS = """
(* techmap_celltype = "$%(name)s" *)
module fit_%(name)s (A, B, Y);
  parameter A_SIGNED = 0; parameter B_SIGNED = 0;
  parameter A_WIDTH = 1; parameter B_WIDTH = 1; parameter Y_WIDTH = 1;
  localparam WIDTH = %(width)s;
  input [A_WIDTH-1:0] A; input [B_WIDTH-1:0] B; output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = A_WIDTH == WIDTH && B_WIDTH == WIDTH;
  wire [WIDTH-1:0] a, b;
  %(a)s
  %(b)s
  \\$%(name)s #(.A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .A_WIDTH(WIDTH), .B_WIDTH(WIDTH),
    .Y_WIDTH(Y_WIDTH)) fitted (.A(a), .B(b), .Y(Y));
endmodule
"""

_ONE_OPERAND = """
(* techmap_celltype = "$%(name)s" *)
module fit_%(name)s (A, Y);
  parameter A_SIGNED = 0; parameter A_WIDTH = 1; parameter Y_WIDTH = 1;
  localparam WIDTH = Y_WIDTH;
  input [A_WIDTH-1:0] A; output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = A_WIDTH == WIDTH;
  wire [WIDTH-1:0] a;
  %(a)s
  \\$%(name)s #(.A_SIGNED(A_SIGNED), .A_WIDTH(WIDTH), .Y_WIDTH(Y_WIDTH)) fitted (.A(a), .Y(Y));
endmodule
"""

_IS_ZERO = """
(* techmap_celltype = "$logic_not" *)
module is_zero (A, Y);
  parameter A_SIGNED = 0; parameter A_WIDTH = 1; parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A; output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = A_WIDTH == 1;
  \\$eq #(.A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(A_WIDTH), .B_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH))
    compared (.A(A), .B({A_WIDTH{1'b0}}), .Y(Y));
endmodule
"""


def fitting_map() -> str:
    """The rules of `techmap` that give every operator operands of equal width."""
    operands = {"a": _fitted("a", "A"), "b": _fitted("b", "B")}
    wider = "A_WIDTH > B_WIDTH ? A_WIDTH : B_WIDTH"
    rules = [
        _TWO_OPERANDS % {"name": name, "width": width, **operands}
        for names, width in ((_OF_RESULT, "Y_WIDTH"), (_OF_OPERANDS, wider))
        for name in names
    ]
    rules += [_ONE_OPERAND % {"name": name, **operands} for name in ("not", "neg")]
    return "".join([*rules, _IS_ZERO])


def _fitted(wire: str, operand: str) -> str:
    """The assignment of an operand, extended or cut to WIDTH bits, to a wire."""
    width, signed = f"{operand}_WIDTH", f"{operand}_SIGNED"
    more = f"{{{{(WIDTH-{width}){{{signed} ? {operand}[{width}-1] : 1'b0}}}}, {operand}}}"
    return (
        f"generate if ({width} > WIDTH) assign {wire} = {operand}[WIDTH-1:0];\n"
        f"  else if ({width} == WIDTH) assign {wire} = {operand};\n"
        f"  else assign {wire} = {more}; endgenerate"
    )
