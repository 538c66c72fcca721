"""The accelerator's hardware: parameter objects that answer, count cycles, and become Verilog.

Each block is one object in a module of its own: `rtl.barrett.Barrett`, `rtl.montgomery.Montgomery`
and `WordMontgomery`, `rtl.addsub.AddSub`, `rtl.butterfly.Butterfly`, `rtl.ntt_unit.NTTUnit`,
`rtl.pointwise.PointwiseUnit`, `rtl.automorphism.AutomorphismUnit`. ``python -m rtl`` generates,
simulates and measures them. Needs the extra `he-accel[rtl]`.
"""
