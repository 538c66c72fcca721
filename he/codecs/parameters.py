"""Parameter sets and need-lists."""

from __future__ import annotations

from typing import Any

from he.codecs import checks
from he.container import Contents
from he.errors import CorruptBytesError, InsecureParametersError, ParameterError
from he.keys import KeyNeeds
from he.params import CKKSParameters
from he.rlwe import RLWEParameters
from ntt.errors import ArithmeticLayerError


def encode_parameters(params: CKKSParameters) -> checks.Encoded:
    """Every field as it stands; floats keep all their bits."""
    header = {
        "N": params.N,
        "q": params.q,
        "p": params.p,
        "digit_limbs": params.digit_limbs,
        "scales": params.scales,
        "security_bits": params.security_bits,
        "insecure_reason": params.insecure_reason or "",
        "sigma": params.sigma,
    }
    return header, {}


def decode_parameters(contents: Contents, insecure_reason: str | None = None) -> CKKSParameters:
    """insecure_reason: the reader's own; the stored one speaks for the writer alone."""
    checks.sections(contents, ())
    stored_reason = contents.field("insecure_reason", str)
    try:
        params = CKKSParameters(
            N=contents.field("N", int),
            q=_primes(contents, "q"),
            p=_primes(contents, "p"),
            digit_limbs=contents.field("digit_limbs", int),
            scales=tuple(_bounded(contents, "scales", float)),
            security_bits=contents.field("security_bits", int),
            insecure_reason=stored_reason or None,
            sigma=contents.field("sigma", float),
        )
    except InsecureParametersError:
        raise
    except (ParameterError, ArithmeticLayerError) as error:
        raise CorruptBytesError(f"the bytes hold no valid parameters: {error}") from error
    weak = params.security_estimate < params.security_bits
    if weak and not (insecure_reason and insecure_reason.strip()):
        raise InsecureParametersError(
            f"the bytes hold parameters of {params.security_estimate} bits of security, not "
            f"{params.security_bits} (their writer's reason: {stored_reason!r}); to read them all "
            f"the same, call CKKSParameters.from_bytes(data, insecure_reason=...) with a reason"
        )
    return params


def _primes(contents: Contents, name: str) -> tuple[int, ...]:
    return tuple(_bounded(contents, name, int))


def _bounded(contents: Contents, name: str, needed: type[Any]) -> list[Any]:
    values = contents.field(name, list)
    if len(values) > checks.MAX_PRIMES:
        raise CorruptBytesError(f"{len(values)} {name}: at most {checks.MAX_PRIMES} are read")
    return list(checks.values(values, name, *[needed] * len(values)))


def encode_needs(needs: KeyNeeds) -> checks.Encoded:
    """[element, level] in order; element 0 stands for the relinearization key."""
    return {"keys": [list(pair) for pair in named_levels(needs)]}, {}


def decode_needs(contents: Contents, params: RLWEParameters | None) -> KeyNeeds:
    """Checked against `params` where given."""
    checks.sections(contents, ())
    levels: dict[int, int] = {}
    for item in contents.field("keys", list):
        element, level = checks.values(item, "a needed key", int, int)
        if element in levels:
            raise CorruptBytesError(f"Galois element {element} is listed twice")
        levels[element if element == 0 else checks.element(element, params)] = checks.level(
            level, params
        )
    return KeyNeeds(levels.pop(0, None), levels)


def named_levels(needs: KeyNeeds) -> list[tuple[int, int]]:
    """(element, level) of every key in the order of the format; relinearization is element 0."""
    first = [] if needs.relinearization is None else [(0, needs.relinearization)]
    return first + sorted(needs.galois.items())
