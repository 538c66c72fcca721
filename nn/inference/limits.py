"""`Limits`: what a client does at most for a plan, which may be a stranger's."""

from __future__ import annotations

from dataclasses import dataclass, fields

from he.validation import whole_number, wrong_object
from nn.errors import LimitError
from nn.inference.plan import Plan

_PARTS = 2
_WORD_BYTES = 8
_WORDS_OF_A_PRIME = 5
"""For each coefficient: four of `ntt.NTTTables`, one of the transformed secret."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The largest plan that a client accepts, checked before any key is made.

    A plan of a few kilobytes can ask for any amount of memory and time. Each limit is a whole
    number of at least 1.

    - `N`: the ring degree.
    - `ciphertext_bytes`: the memory of one ciphertext.
    - `request_bytes`: the memory of all ciphertexts that one image takes in the packed layout, or
      one run in the batched layout; for the images and for the answers.
    - `table_bytes`: the memory that the primes of all levels take: their tables and the secret key.
    - `key_bytes`: the evaluation keys as bytes. In memory they take about three times as much.

    Raises `he.ParameterError` for other numbers.
    """

    N: int = 1 << 16
    ciphertext_bytes: int = 64 << 20
    request_bytes: int = 16 << 30
    table_bytes: int = 1 << 30
    key_bytes: int = 8 << 30

    def __post_init__(self) -> None:
        for field in fields(self):
            number = whole_number(getattr(self, field.name), field.name, 1)
            object.__setattr__(self, field.name, number)

    def check(self, plan: Plan) -> None:
        """Raise `LimitError` for a plan beyond a limit; it makes no table and no key.

        Raises `he.WrongObjectError` for an object that is no plan.
        """
        if not isinstance(getattr(plan, "parameter_sets", None), tuple):
            raise wrong_object(plan, "a plan of nn.compile", "plan")
        ciphertexts = max(plan.ciphertexts_of_images, plan.ciphertexts_of_answers)
        sets = plan.parameter_sets
        sizes = [
            _PARTS * params.levels[-1].limbs * params.N * _WORD_BYTES for params in sets
        ]
        self._check("N", max(params.N for params in sets), "a ring of degree {}")
        self._check("ciphertext_bytes", max(sizes), "ciphertexts of {} bytes")
        self._check("request_bytes", ciphertexts * sum(sizes), "ciphertexts of {} bytes in all")
        primes = [len(params.q + params.p) * params.N for params in sets]
        tables = _WORDS_OF_A_PRIME * _WORD_BYTES * sum(primes)
        self._check("table_bytes", tables, "tables of {} bytes")
        self._check("key_bytes", plan.evaluation_key_bytes, "evaluation keys of {} bytes")

    def _check(self, name: str, needed: int, what: str) -> None:
        most = getattr(self, name)
        if needed > most:
            raise LimitError(
                f"the plan asks for {what.format(f'{needed:,}')}, the client's limit is {most:,}: "
                f"where that is meant, pass limits=nn.Limits({name}={needed})"
            )


DEFAULT_LIMITS = Limits()


def check_count(images: int, most: int) -> None:
    """Raise `LimitError` for a request of more images than a server takes at once."""
    if images > most:
        raise LimitError(
            f"a request of {images} images: the server takes at most {most} at once; send them in "
            f"several requests"
        )
