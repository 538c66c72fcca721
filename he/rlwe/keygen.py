"""The only place where keys are made."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from he.errors import ParametersMismatchError
from he.format.container import pack_to
from he.format.files import replaced_file
from he.rlwe import galois, sampling, security
from he.rlwe.ephemeral_secret import EphemeralSecret
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.key_elements import CHANGES_OF_SECRET
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.keys import KeySwitchingKey, PublicKey, SecretKey, section_names
from he.rlwe.parallel import map_threads
from he.rlwe.params import RLWEParameters
from he.rlwe.rns import context
from he.rlwe.sampling import RandomStream
from he.rlwe.seeded import PUBLIC_KEY, digit_label, uniform_from_seed
from he.rlwe.small_polynomials import mask, rows_of
from he.trace import FROM_SPARSE, RELINEARIZATION, TO_SPARSE
from he.validation import file_path, instance, whole_number
from ntt import threads
from ntt.constants import Scalars
from ntt.memory import large_array, secret_array


class KeyGenerator:
    """Makes keys for one parameter set.

    seed: 32 bytes that replace the operating system's randomness, for tests only; keys made from a
    known seed protect nothing.
    """

    def __init__(self, params: RLWEParameters, *, seed: bytes | None = None) -> None:
        self.params = instance(params, RLWEParameters, "the parameter set")
        self._context = context(params)
        self._seeded = (
            None if seed is None else RandomStream.from_seed(seed, "key generator for tests")
        )

    def secret_key(self) -> SecretKey:
        """A fresh secret, uniform ternary but never zero."""
        stream = self._stream()
        coefficients = sampling.ternary(stream, self.params.N)
        while not coefficients.any():  # seen in the rings of tests: one in 3^N
            coefficients = sampling.ternary(stream, self.params.N)
        return SecretKey(self.params, coefficients)

    def public_key(self, secret: SecretKey) -> PublicKey:
        """(-a s + e, a) in QP at the top level, a uniform from a public seed."""
        self._check(secret)
        ops = self._context.qp(self.params.max_level)
        seed = self._public_seed()
        data = large_array((2, len(ops.moduli), self.params.N))
        data[1] = uniform_from_seed(seed, PUBLIC_KEY, ops)
        rows = self._context.qp_rows(self.params.max_level)
        mask(data, rows_of(secret.transformed, rows), self._stream(), self.params, ops)
        return PublicKey.unchecked(params=self.params, data=data, seed=seed)

    def relinearization_key(self, secret: SecretKey, level: int | None = None) -> KeySwitchingKey:
        """The key that carries s^2 to s at `level` (default: the top) and below."""
        return self._key(secret, RELINEARIZATION, level)

    def galois_key(
        self, secret: SecretKey, element: int, level: int | None = None
    ) -> KeySwitchingKey:
        """The key of a Galois element at `level` (default: the top) and below."""
        galois.check_element(element, self.params.N)
        return self._key(secret, int(element), level)

    def evaluation_keys(self, secret: SecretKey, needs: KeyNeeds) -> EvaluationKeys:
        """Every key that `needs` names, each at the level named and no higher.

        Where a key for a higher level serves a lower one, as in a chain, it is made alone.
        """
        work = self._work(secret, needs)
        with self._ephemeral(work) as sparse:
            keys = map_threads(lambda item: self._switching_key(secret, sparse, *item), work)
        return EvaluationKeys.of(self.params, keys)

    def write_evaluation_keys(
        self, secret: SecretKey, needs: KeyNeeds, path: Path | str
    ) -> None:
        """The file of the bytes of `evaluation_keys`, of which one for each thread is in memory at
        a time; `he.StoredKeys` reads it.

        The file is whole or absent. Raises `OSError` where it cannot be written.
        """
        path = file_path(path, "the file of evaluation keys")
        work = sorted(self._work(secret, needs), key=lambda item: (item[0], -item[1]))
        items = [[element, level, seed] for element, level, seed, _ in work]
        sizes = {
            name: KeySwitchingKey.packed_bytes(self.params, level)
            for name, (_, level, _, _) in zip(section_names(items), work, strict=True)
        }
        together = threads.free_threads()
        with replaced_file(path, "wb") as file, self._ephemeral(work) as sparse:

            def packed() -> Iterator[bytes]:
                for start in range(0, len(work), together):
                    yield from map_threads(
                        lambda item: self._switching_key(secret, sparse, *item).packed(),
                        work[start : start + together],
                    )

            header = {"params": self.params.id, "keys": items}
            pack_to(file, EvaluationKeys.kind, header, sizes, packed())

    # ------------------------------------------------------------ parts

    def _work(
        self, secret: SecretKey, needs: KeyNeeds
    ) -> list[tuple[int, int, bytes, RandomStream]]:
        """The element, the level and the randomness of every key."""
        self._check(secret)
        wanted = instance(needs, KeyNeeds, "the needs").made(self.params)
        order = {element: place for place, element in enumerate(needs.galois)}
        wanted.sort(key=lambda pair: order.get(pair[0], len(order)))
        return [(element, level, *self._randomness()) for element, level in wanted]

    def _ephemeral(
        self, work: Sequence[tuple[int, int, bytes, RandomStream]]
    ) -> EphemeralSecret:
        """The sparse secret, where keys to it and back are made."""
        changes = any(element in CHANGES_OF_SECRET for element, *_ in work)
        return EphemeralSecret(self.params, self._stream() if changes else None)

    def _key(self, secret: SecretKey, element: int, level: int | None) -> KeySwitchingKey:
        self._check(secret)
        top = self.params.max_level
        level = top if level is None else whole_number(level, "key level", 0, top)
        with EphemeralSecret(self.params, None) as none:
            return self._switching_key(secret, none, element, level, *self._randomness())

    def _switching_key(
        self,
        secret: SecretKey,
        sparse: EphemeralSecret,
        element: int,
        level: int,
        seed: bytes,
        stream: RandomStream,
    ) -> KeySwitchingKey:
        """Encryptions of P (Q/D_j) [(Q/D_j)^-1]_{D_j} source under target, one a digit."""
        ops = self._context.qp(level)
        source, target = self._source_and_target(secret, sparse, element, level)
        digits, special = self.params.digit_rows(level), self.params.special_modulus(level)
        shape = (len(digits), 2, len(ops.moduli), self.params.N)
        data = large_array(shape)
        for j, rows in enumerate(digits):
            data[j, 1] = uniform_from_seed(seed, digit_label(j), ops)
            mask(data[j], target, stream, self.params, ops)
            # The gadget factor is P modulo the digit's own primes, and 0 modulo all others.
            own = slice(rows.start, rows.stop)
            digit_ops = self._context.limbs(self._context.q_rows(level)[own])
            P = Scalars([special] * len(rows), digit_ops.moduli)
            scaled = digit_ops.multiply_scalar(
                secret_array(source[own].shape), source[own], P
            )
            digit_ops.add(data[j, 0, own], data[j, 0, own], scaled)
        return KeySwitchingKey.unchecked(
            params=self.params, level=level, element=element, data=data, seed=seed
        )

    def _source_and_target(
        self, secret: SecretKey, sparse: EphemeralSecret, element: int, level: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """s^2 and s for the relinearization key, s and its preimage for a Galois element, s and
        the sparse secret, or the other way round, for a change of secret.
        """
        s = rows_of(secret.transformed, self._context.qp_rows(level))
        if element == TO_SPARSE:
            self._check_sparse(level)
            return s, sparse.transformed(level)
        if element == FROM_SPARSE:
            return sparse.transformed(level), s
        other = secret_array(s.shape)
        if element == RELINEARIZATION:
            return self._context.qp(level).multiply(other, s, s), s
        N = self.params.N
        preimage = galois.permutation(pow(element, -1, 2 * N), N)
        return s, self._context.qp(level).permute(other, s, preimage)

    def _check_sparse(self, level: int) -> None:
        """Raise `InsecureParametersError` unless a sparse secret is safe at a key's modulus."""
        params = self.params
        security.check_sparse(
            params.N,
            math.log2(params.modulus(level) * params.special_modulus(level)),
            params.security_bits,
            insecure_reason=params.insecure_reason,
        )

    def _randomness(self) -> tuple[bytes, RandomStream]:
        """A public seed and a stream of its own, so that keys can be made side by side."""
        seed = self._public_seed()
        return seed, self._seeded.fork("switching key") if self._seeded else RandomStream.from_os()

    def _stream(self) -> RandomStream:
        """Randomness for one key: fresh from the operating system, unless a test gave a seed."""
        return self._seeded or RandomStream.from_os()

    def _public_seed(self) -> bytes:
        return os.urandom(32) if self._seeded is None else self._seeded.bytes(32)

    def _check(self, secret: SecretKey) -> None:
        instance(secret, SecretKey, "the secret key")
        if secret.params != self.params:
            raise ParametersMismatchError(
                f"the secret key belongs to {secret.params}, the key generator to {self.params}"
            )
