"""A ciphertext that lives on: refreshed whenever its levels are used up.

    python examples/bootstrapping.py
"""

from __future__ import annotations

import numpy as np

import he

# Two products between bootstraps, 12 bits of precision. A ring this small protects nothing; without
# N and the reason a secure one is found.
params = he.CKKSParameters.build(
    2,
    scale_bits=36,
    N=1 << 10,
    bootstrap=he.Bootstrapping(precision_bits=12),
    insecure_reason="an example that takes a second",
)

bootstrapper = he.Bootstrapper(params)
print(f"keys of {bootstrapper.key_bytes / 1e6:.1f} MB, {bootstrapper.levels} levels between")
print(f"promised: {bootstrapper.precision_bits:.1f} bits in every slot")
print(f"probability of failure: 2^{np.log2(bootstrapper.failure_probability):.0f}")

# The client's side: keys and an encrypted vector.
generator = he.KeyGenerator(params)
secret = generator.secret_key()
products = he.KeyNeeds(relinearization=bootstrapper.output_level)
keys = generator.evaluation_keys(secret, he.KeyNeeds.union([bootstrapper.needs, products]))
encoder = he.Encoder(params)
x = np.linspace(-1, 1, params.slots)
message = he.Encryptor(params, secret).encrypt(encoder.encode(x, bootstrapper.output_level))

# The server's side: x becomes (3 x - x^3) / 2 five times, which takes ten levels of two.
evaluator = he.Evaluator(params, keys)
ciphertext = evaluator.attach(message)
for _ in range(5):
    if ciphertext.level < bootstrapper.output_level:
        ciphertext = bootstrapper.apply(evaluator, ciphertext)
    ciphertext = he.evaluate_polynomial(evaluator, ciphertext, he.Polynomial([0, 1.5, 0, -0.5]))

# The client again.
found = encoder.decode_real(he.Decryptor(params, secret).decrypt(ciphertext))
expected = x
for _ in range(5):
    expected = (3 * expected - expected**3) / 2
print(f"largest error behind four bootstraps: 2^{np.log2(np.abs(found - expected).max()):.1f}")
