"""A cell library as small as a mapper accepts."""

from __future__ import annotations

from collections.abc import Sequence


def toy_arc(pin: str, delay: float) -> str:
    """A timing arc with the same delay everywhere."""
    table = f'(grid) {{ values ("{delay}, {delay}", "{delay}, {delay}"); }}'
    kinds = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
    tables = " ".join(f"{kind} {table}" for kind in kinds)
    return f'timing () {{ related_pin : "{pin}"; timing_sense : negative_unate; {tables} }}'


def toy_library(cells: Sequence[str] = ("INV", "BUF", "ND2", "DFF")) -> str:
    """The smallest library that a mapper accepts, or part of it: inverter, buffer, NAND,
    flip-flop."""
    pins = "".join(f"pin ({p}) {{ direction : input; capacitance : 0.01; }}\n" for p in "AB")
    grid = 'index_1 ("0.0, 1.0"); index_2 ("0.0, 1.0");'
    inverse, nand = toy_arc("A", 0.1), toy_arc("A", 0.2) + toy_arc("B", 0.2)
    known = {
        "INV": f"""area : 1; {pins.splitlines()[0]}
    pin (Y) {{ direction : output; function : "!A"; max_capacitance : 1; {inverse} }}""",
        "BUF": f"""area : 2; {pins.splitlines()[0]}
    pin (Y) {{ direction : output; function : "A"; max_capacitance : 1; {inverse} }}""",
        "ND2": f"""area : 2; {pins}
    pin (Y) {{ direction : output; function : "!(A & B)"; max_capacitance : 1; {nand} }}""",
        "DFF": """area : 6; ff (IQ, IQN) { clocked_on : "CK"; next_state : "D"; }
    pin (CK) { direction : input; clock : true; capacitance : 0.01; }
    pin (D) { direction : input; capacitance : 0.01; }
    pin (Q) { direction : output; function : "IQ"; }""",
    }
    body = "".join(f"  cell ({name}) {{ {known[name]} }}\n" for name in cells)
    return f"""
library (toy) {{
  delay_model : table_lookup; time_unit : "1ns"; capacitive_load_unit (1, pf);
  lu_table_template (grid) {{ variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance; {grid} }}
{body}}}
"""
