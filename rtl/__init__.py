"""The accelerator's hardware: parameter objects that compute, count cycles, and become Verilog.

Each block is one object, in a module of its own: `rtl.arithmetic.barrett.Barrett`,
`rtl.arithmetic.montgomery.Montgomery` and `WordMontgomery`, `rtl.arithmetic.addsub.AddSub`,
`rtl.arithmetic.butterfly.Butterfly`, `rtl.units.ntt.unit.NTTUnit`,
`rtl.units.pointwise.PointwiseUnit`, `rtl.units.automorphism.AutomorphismUnit`. `python -m rtl`
generates, simulates and measures them. The package needs the extra `he-accel[rtl]`.
"""
