"""One program, three executors: NumPy computes it, the model times it, the hardware does both.

    pip install '.[rtl]'
    python examples/three_executors.py
"""

from __future__ import annotations

import numpy as np

import accel_model
import he
import rtl
from he.trace import Tracer


def main() -> None:
    """Trace (x x) rotated by one, and run the trace's program three times."""
    params = he.CKKSParameters.build(depth=1, precision_bits=8, N=4096)
    generator = he.KeyGenerator(params)
    secret = generator.secret_key()
    rotate = he.element_of_rotation(1, params.N)
    needs = he.KeyNeeds(relinearization=1, galois={rotate: 0})
    tracer = Tracer(params)
    evaluator = he.Evaluator(params, generator.evaluation_keys(secret, needs), tracer)
    x = he.Encryptor(params, secret).encrypt(he.Encoder(params).encode([1.0, 2.0, 3.0]))
    tracer.input(x.data)
    x = evaluator.attach(x)
    result = (x * x).rotate(1)  # the software's run
    tracer.output(result.data)

    program, data = accel_model.lower(tracer.trace()), tracer.arrays
    print(f"{len(program)} instructions on limbs of N = {program.N}")

    outputs = accel_model.execute(program, data)
    assert np.array_equal(outputs["0"], result.data)
    print("NumPy: the software's bits")

    model = accel_model.estimate(program, accel_model.load_machine("ecp5"))
    print(f"model: {1e3 * model.time_s:.2f} ms on {model.machine}, bottleneck {model.bottleneck}")

    with rtl.units_for(program, rtl.BlockOptions(butterflies=2), lanes=2) as units:
        done = rtl.run_program(program, data, units)
    equal = rtl.check_outputs(done.outputs, data)  # raises at the first bit that differs
    print(f"simulated hardware: the software's bits, {equal:,} residues, "
          f"{done.cycles('ntt'):,} cycles of the NTT unit")  # fmt: skip


if __name__ == "__main__":
    main()
