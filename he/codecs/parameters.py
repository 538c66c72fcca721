"""Parameter sets and need-lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from he.ckks.params import CKKSParameters
from he.codecs import checks
from he.errors import CorruptBytesError, InsecureParametersError, ParameterError
from he.format.container import Contents
from he.rlwe.keys import KeyNeeds
from he.rlwe.params import RLWEParameters
from ntt.errors import ArithmeticLayerError


def encode_parameters(params: CKKSParameters) -> checks.Encoded:
    """Every field as it stands; floats keep all their bits."""
    return {**shared_header(params), "scales": params.scales}, {}


def decode_parameters(contents: Contents, insecure_reason: str | None = None) -> CKKSParameters:
    """insecure_reason: the reader's own; the stored one speaks for the writer alone."""
    return checked(
        lambda: CKKSParameters(
            scales=tuple(bounded(contents, "scales", float)), **shared_fields(contents)
        ),
        contents,
        insecure_reason,
    )


def shared_header(params: RLWEParameters) -> dict[str, Any]:
    """The fields that every scheme's parameter set has."""
    return {
        "N": params.N,
        "q": params.q,
        "p": params.p,
        "digit_limbs": params.digit_limbs,
        "security_bits": params.security_bits,
        "insecure_reason": params.insecure_reason or "",
        "sigma": params.sigma,
    }


def shared_fields(contents: Contents) -> dict[str, Any]:
    """The inverse of `shared_header`."""
    return {
        "N": contents.field("N", int),
        "q": tuple(bounded(contents, "q", int)),
        "p": tuple(bounded(contents, "p", int)),
        "digit_limbs": contents.field("digit_limbs", int),
        "security_bits": contents.field("security_bits", int),
        "insecure_reason": contents.field("insecure_reason", str) or None,
        "sigma": contents.field("sigma", float),
    }


def checked(
    make: Callable[[], checks.Params], contents: Contents, insecure_reason: str | None
) -> checks.Params:
    """What `make` reads, refused where it is invalid, or weak without a reason of the reader's."""
    checks.sections(contents, ())
    try:
        params = make()
    except InsecureParametersError:
        raise
    except (ParameterError, ArithmeticLayerError) as error:
        raise CorruptBytesError(f"the bytes hold no valid parameters: {error}") from error
    weak = params.security_estimate < params.security_bits
    if weak and not (insecure_reason and insecure_reason.strip()):
        raise InsecureParametersError(
            f"the bytes hold parameters of {params.security_estimate} bits of security, not "
            f"{params.security_bits} (their writer's reason: {params.insecure_reason!r}); to read "
            f"them all the same, call {type(params).__name__}.from_bytes(data, "
            f"insecure_reason=...) with a reason"
        )
    return params


def bounded(contents: Contents, name: str, needed: type[Any]) -> list[Any]:
    """A list of at most `checks.MAX_PRIMES` values of one type."""
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
