"""`InferencePlan`: the plan of an encrypted run in the packed layout."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from he.ckks.noise import precision_bits
from he.ckks.params import CKKSParameters
from he.errors import CorruptBytesError
from he.format import container
from he.rlwe.keys import KeyNeeds
from he.serialization import from_bytes, serialized_bytes, to_bytes
from nn.errors import NetworkError
from nn.network.layers import FloatArray
from nn.packed.layout import TensorLayout
from nn.packed.packed_network import PackedStage

KIND = "inference plan"


@dataclass(frozen=True)
class StagePlan:
    """What the plan says of one stage: `kind` is affine, square, polynomial or add."""

    name: str
    kind: str
    level_in: int
    level_out: int
    rotations: int
    diagonals: int
    ciphertexts: int
    predicted_error: float
    """The largest predicted standard deviation of an element's error, in units of the value."""


@dataclass(frozen=True, eq=False)
class InferencePlan:
    """Everything that is known about an encrypted run before any key exists.

    `nn.compile` makes the plan; the client and the server both need it. It holds no weights.

    network: the name of the network. fingerprint: `Network.fingerprint` of it. needs: the
    evaluation keys. predicted_error: (classes,) a bound on the absolute error of each logit. A
    logit exceeds its bound with a probability of at most `failure_probability`, for images whose
    activations stay within the network's statistics. packed: the network in slots; None if the plan
    was read from bytes.
    """

    network: str
    fingerprint: bytes
    params: CKKSParameters
    input_layout: TensorLayout
    output_layout: TensorLayout
    input_range: tuple[float, float]
    stages: tuple[StagePlan, ...]
    needs: KeyNeeds
    predicted_error: FloatArray
    largest_logit: float
    failure_probability: float
    packed: tuple[PackedStage, ...] | None = field(default=None, repr=False)

    @property
    def depth(self) -> int:
        """The number of levels that the network takes."""
        return self.params.max_level

    @property
    def evaluation_key_bytes(self) -> int:
        """The exact size of the evaluation keys in bytes."""
        return serialized_bytes(self.params, self.needs)

    @property
    def rotations(self) -> int:
        """The number of distinct rotations; each has its own key."""
        return len(self.needs.galois)

    @property
    def predicted_bits(self) -> float:
        """The predicted precision, in bits of the largest logit."""
        return precision_bits(float(self.predicted_error.max()), self.largest_logit)

    def report(self) -> str:
        """The plan as a table to read."""
        params = self.params
        chain = " + ".join(str(q.bit_length()) for q in params.q)
        special = " + ".join(str(p.bit_length()) for p in params.p)
        scale, error = np.log2(params.scales[-1]), self.predicted_error.max()
        megabytes = self.evaluation_key_bytes / 1e6
        sent, answered = self.input_layout.ciphertexts, self.output_layout.ciphertexts
        facts = {
            "network": f"{self.network}, {self.depth} levels",
            "parameters": f"N = {params.N}, dnum {params.dnum}, scale 2^{scale:.2f}",
            "primes": f"q: {chain} bits; p: {special} bits; log2(QP) = {params.log_qp:.1f}",
            "security": f"{params.security_estimate} bits (asked for {params.security_bits})",
            "keys": f"{self.rotations} rotations, {megabytes:.1f} MB",
            "ciphertexts": f"{sent} in and {answered} out for each image",
            "error": f"at most {error:.2g} in a logit; logits reach {self.largest_logit:.3g}",
            "precision": f"{self.predicted_bits:.1f} bits of the largest logit",
        }
        heads = ("kind", "level", "rotations", "diagonals", "ciphertexts", "error (std)")
        widths = (10, 8, 11, 11, 13, 13)
        title = "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
        lines = [f"{label:<13}{fact}" for label, fact in facts.items()]
        lines += ["", f"{'stage':<24}{title}"]
        lines += [
            f"{s.name:<24}{s.kind:>10}{f'{s.level_in}->{s.level_out}':>8}{s.rotations:>11}"
            f"{s.diagonals:>11}{s.ciphertexts:>13}{s.predicted_error:>13.2g}"
            for s in self.stages
        ]
        return "\n".join(lines)

    def to_bytes(self) -> bytes:
        """The plan as bytes, without weights: what a client needs. `nn.read_plan` reads them."""
        header = {
            "network": self.network,
            "fingerprint": self.fingerprint,
            "input_range": [float(x) for x in self.input_range],
            "stages": [list(vars(stage).values()) for stage in self.stages],
            "largest_logit": float(self.largest_logit),
            "failure_probability": float(self.failure_probability),
            "layouts": [_layout_header(x) for x in (self.input_layout, self.output_layout)],
        }
        sections: dict[str, container.Section | bytes] = {
            "params": to_bytes(self.params),
            "needs": to_bytes(self.needs),
            "input positions": self.input_layout.positions,
            "output positions": self.output_layout.positions,
            "predicted error": self.predicted_error,
        }
        return container.pack(KIND, header, sections)

    @classmethod
    def from_bytes(cls, data: bytes, *, insecure_reason: str | None = None) -> InferencePlan:
        """Read what `to_bytes` wrote.

        insecure_reason: words that say why a plan outside the security table may be read. Raises
        `he.SerializationError` for other bytes, and `he.InsecureParametersError` for such a plan
        without the words.
        """
        contents = container.unpack(data, KIND)
        layouts = contents.field("layouts", list)
        params = CKKSParameters.from_bytes(
            contents.octets("params"), insecure_reason=insecure_reason
        )
        needs = from_bytes(contents.octets("needs"), KeyNeeds, params)
        try:
            source, target = (
                _layout(layout, contents.sections[f"{name} positions"])
                for layout, name in zip(layouts, ("input", "output"), strict=True)
            )
            stages = tuple(StagePlan(*stage) for stage in contents.field("stages", list))
            low, high = (float(x) for x in contents.field("input_range", list))
            error = np.asarray(contents.sections["predicted error"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, NetworkError) as problem:
            raise CorruptBytesError(f"these bytes hold no inference plan: {problem}") from problem
        return cls(
            network=contents.field("network", str),
            fingerprint=contents.field("fingerprint", bytes),
            params=params,
            input_layout=source,
            output_layout=target,
            input_range=(low, high),
            stages=stages,
            needs=needs,
            predicted_error=error,
            largest_logit=contents.field("largest_logit", float),
            failure_probability=contents.field("failure_probability", float),
        )


def take_plan(given: InferencePlan | bytes) -> InferencePlan:
    """A packed plan, or the plan in these bytes; raises `NetworkError` for any other object."""
    if isinstance(given, bytes):
        return InferencePlan.from_bytes(given)
    if not isinstance(given, InferencePlan):
        raise NetworkError(
            f"a packed plan is needed, not {type(given).__name__}: compile with layout='packed', "
            f"or use nn.Client and nn.Server, which take any plan"
        )
    return given


def _layout_header(layout: TensorLayout) -> list[object]:
    return [list(layout.shape), layout.n_slots, layout.ciphertexts, layout.period]


def _layout(header: list[object], positions: object) -> TensorLayout:
    shape, n_slots, ciphertexts, period = header
    return TensorLayout(tuple(shape), n_slots, ciphertexts, period, positions)  # type: ignore[arg-type]
