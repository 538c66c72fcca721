"""`InferencePlan`: the plan of an encrypted run in the packed layout."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from he.ckks.circuits.bsgs import distinct
from he.ckks.noise import precision_bits, tail_factor
from he.ckks.params import CKKSParameters
from he.errors import CorruptBytesError, HEError, ParameterError
from he.format import container
from he.format.container import checked_values
from he.rlwe.key_needs import KeyNeeds
from he.rlwe.serializable import Buffer
from he.serialization import from_bytes, to_bytes
from he.trace import OpTrace
from he.validation import whole_number
from nn.errors import NetworkError
from nn.inference.identity import digest_of
from nn.inference.keys import ClientKeys, key_memory
from nn.inference.plan import check_network
from nn.inference.plan_reading import (
    BOOTSTRAP_VERSION,
    NEARLY,
    WORST_CASE,
    check_shape,
    promise_items,
    promise_sections,
    read_identity,
    read_input_range,
    read_promise,
    require,
)
from nn.inference.search import reference
from nn.network.answers import Answer, check_answers, finished, read_answers
from nn.network.graph import Network
from nn.network.layers import FloatArray
from nn.packed.bootstrap_facts import bootstrap_facts
from nn.packed.layout import TensorLayout
from nn.packed.packed_for import packed_for
from nn.packed.packed_network import PackedStage
from nn.packed.plan_trace import dry_trace
from nn.packed.stage_plan import StagePlan, read_stages
from ntt.terminal import printable

KIND = "inference plan"
_SECTIONS = ("params", "needs", "input positions", "output positions", "predicted error")


@dataclass(frozen=True, eq=False)
class InferencePlan:
    """Everything that is known about an encrypted run before any key exists.

    `nn.compile` makes the plan; the client and the server both need it. It holds no weights.

    network: the name of the network. fingerprint: `Network.fingerprint` of it. needs: the
    evaluation keys. input_level: the level at which images are encrypted. predicted_error:
    (classes,) a bound on the absolute error of each logit. A logit exceeds its bound with a
    probability of at most `failure_probability`, failing bootstraps included, for images whose
    errors the network amplifies no more than those of its calibration images. worst_case_error:
    (classes,) the same for all images whose activations stay within the network's statistics: every
    slope counts at its largest value. calibrated: whether the network has statistics; without them
    both bounds hold for every image in the input range. largest_logit: the largest logit of the
    calibration images; without statistics a bound on all logits, which may be far above them.
    answers: what a client does with the logits. packed: the network in slots; None if the plan was
    read from bytes.
    """

    network: str
    fingerprint: bytes
    params: CKKSParameters
    input_layout: TensorLayout
    output_layout: TensorLayout
    input_range: tuple[float, float]
    stages: tuple[StagePlan, ...]
    needs: KeyNeeds
    input_level: int
    predicted_error: FloatArray
    worst_case_error: FloatArray
    largest_logit: float
    failure_probability: float
    calibrated: bool
    answers: tuple[Answer, ...] = ()
    packed: tuple[PackedStage, ...] | None = field(default=None, repr=False)

    @functools.cached_property
    def id(self) -> bytes:
        """16 bytes: a digest of the network's fingerprint, the parameters and the layouts."""
        layouts = (self.input_layout, self.output_layout)
        described = [repr(_layout_header(layout)).encode() for layout in layouts]
        positions = [layout.positions.tobytes() for layout in layouts]
        if self.bootstraps:
            levels = [(stage.name, stage.level_in, stage.level_out) for stage in self.stages]
            described.append(repr((self.input_level, levels)).encode())
        return digest_of([KIND.encode(), self.fingerprint, self.params.id, *described, *positions])

    @property
    def depth(self) -> int:
        """The number of levels that the network takes, on the way that takes the most.

        Of a plan that bootstraps: the levels of the parameters.
        """
        return self.params.max_level

    @property
    def bootstraps(self) -> int:
        """The number of ciphertexts that the server refreshes for each image."""
        return sum(stage.ciphertexts for stage in self.stages if stage.kind == "bootstrap")

    @property
    def parameter_sets(self) -> tuple[CKKSParameters]:
        """The only parameter set."""
        return (self.params,)

    @property
    def ciphertexts_of_images(self) -> int:
        """The number of ciphertexts of one encrypted image."""
        return self.input_layout.ciphertexts

    @property
    def ciphertexts_of_answers(self) -> int:
        """The number of ciphertexts of the answer to one image."""
        return self.output_layout.ciphertexts

    @property
    def evaluation_key_bytes(self) -> int:
        """The exact size of the evaluation keys in bytes."""
        return ClientKeys.serialized_bytes(self.params, self.needs)

    @property
    def key_memory_bytes(self) -> int:
        """The memory that the evaluation keys take where they are used."""
        return key_memory(self.params, self.needs)

    @property
    def weight_bytes(self) -> int | None:
        """The size of all encoded diagonals; None for a plan of earlier bytes."""
        sizes = [stage.weight_bytes for stage in self.stages]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def rotations(self) -> int:
        """The number of distinct rotations; each has its own key."""
        return len(self.needs.galois)

    @property
    def predicted_bits(self) -> float:
        """The predicted precision, in bits of `largest_logit`."""
        return precision_bits(float(self.predicted_error.max()), self.largest_logit)

    def finished(self, logits: ArrayLike) -> FloatArray | tuple[FloatArray, ...]:
        """What the original model returns, from decrypted logits: `nn.network.answers`."""
        return finished(self.answers, logits)

    def report(self) -> str:
        """The plan as a table to read."""
        params = self.params
        chain = " + ".join(str(q.bit_length()) for q in params.q)
        special = " + ".join(str(p.bit_length()) for p in params.p)
        scale, error = np.log2(params.scales[-1]), self.predicted_error.max()
        worst = self.worst_case_error.max()
        megabytes = self.evaluation_key_bytes / 1e6
        sent, answered = self.input_layout.ciphertexts, self.output_layout.ciphertexts
        levels = f"{self.depth} levels"
        if self.bootstraps:
            made = bootstrap_facts(params)
            levels = f"{self.bootstraps} bootstraps, {made.refreshed - made.start} levels between"
        facts = {
            "network": f"{printable(self.network)}, {levels}",
            "parameters": f"N = {params.N}, dnum {params.dnum}, scale 2^{scale:.2f}",
            "primes": f"q: {chain} bits; p: {special} bits; log2(QP) = {params.log_qp:.1f}",
            "security": f"{params.security_estimate} bits (asked for {params.security_bits})",
            "keys": f"{self.rotations} rotations, {megabytes:.1f} MB",
            "weights": f"{_in_megabytes(self.weight_bytes)} of the server's memory",
            "ciphertexts": f"{sent} in and {answered} out for each image",
            "error": f"at most {error:.2g} in a logit; logits reach {self.largest_logit:.3g}",
            "worst case": f"at most {worst:.2g}, with all slopes at their largest",
            "precision": f"{self.predicted_bits:.1f} bits of {reference(self.calibrated)}",
        }
        if self.bootstraps:
            facts["bootstraps"] = (
                f"{made.precision_bits:.1f} bits each; matrices of "
                f"{_in_megabytes(made.weight_bytes)}; one fails with a probability of at most "
                f"2^{_log2(self.bootstraps * made.failure_probability):.0f}"
            )
        heads = (
            "kind", "level", "rotations", "diagonals", "weights", "ciphertexts", "error (std)"
        )  # fmt: skip
        widths = (10, 8, 11, 11, 11, 13, 13)
        title = "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
        lines = [f"{label:<13}{fact}" for label, fact in facts.items()]
        lines += ["", f"{'stage':<24}{title}"]
        lines += [
            f"{printable(s.name):<24}{s.kind:>10}{f'{s.level_in}->{s.level_out}':>8}{s.rotations:>11}"
            f"{s.diagonals:>11}{_in_megabytes(s.weight_bytes):>11}{s.ciphertexts:>13}"
            f"{s.predicted_error:>13.2g}"
            for s in self.stages
        ]
        return "\n".join(lines)

    def trace(self, network: Network | None = None, *, images: int = 1) -> OpTrace:
        """The trace that a server leaves that runs this plan on so many images, with a tracer.

        Neither keys nor encryption nor arithmetic: `accel_model` estimates the run's time, energy
        and traffic on a machine from it. network: needed for a plan that was read from bytes, which
        holds no weights.

        Raises `NetworkError` for such a plan without its network, and for another network.
        """
        images = whole_number(images, "images", 1)
        if network is not None:
            check_network(self, network)
        elif self.packed is None:
            raise NetworkError(
                f"this plan of {printable(self.network)} was read from bytes, which hold no "
                f"weights: give the network, plan.trace(network)"
            )
        packed: Sequence[PackedStage] | None = self.packed
        if packed is None:
            assert network is not None
            packed = packed_for(self.params, self.stages, network)
        return dry_trace(
            self.params,
            self.needs,
            packed,
            self.stages,
            ciphertexts=self.input_layout.ciphertexts,
            input_level=self.input_level,
            images=images,
            title=self.network,
        )

    def to_bytes(self) -> bytes:
        """The plan as bytes, without weights: what a client needs. `nn.read_plan` reads them."""
        more, bounds = promise_items(
            self.predicted_error, self.worst_case_error, self.calibrated
        )
        header: dict[str, Any] = {
            "network": self.network,
            "fingerprint": self.fingerprint,
            "input_range": [float(x) for x in self.input_range],
            "stages": [stage.item for stage in self.stages],
            "largest_logit": float(self.largest_logit),
            "failure_probability": float(self.failure_probability),
            "layouts": [_layout_header(x) for x in (self.input_layout, self.output_layout)],
        }
        if self.params.bootstrap is not None:
            more = {"version": BOOTSTRAP_VERSION, "calibrated": self.calibrated}
            bounds = {WORST_CASE: self.worst_case_error}
            header["input_level"] = self.input_level
        if self.answers:
            header["answers"] = [answer.item for answer in self.answers]
        sections: dict[str, container.Section | bytes] = {
            "params": to_bytes(self.params),
            "needs": to_bytes(self.needs),
            "input positions": self.input_layout.positions,
            "output positions": self.output_layout.positions,
            "predicted error": self.predicted_error,
        }
        return container.pack(KIND, header | more, sections | bounds)

    @classmethod
    def from_bytes(cls, data: Buffer, *, insecure_reason: str | None = None) -> InferencePlan:
        """Read what `to_bytes` wrote.

        insecure_reason: words that say why a plan outside the security table may be read. Raises
        `he.SerializationError` for other bytes, and `he.InsecureParametersError` for such a plan
        without the words.
        """
        contents = container.unpack(data, KIND)
        contents.check_sections(_SECTIONS + promise_sections(contents, BOOTSTRAP_VERSION))
        params = CKKSParameters.from_bytes(
            contents.octets("params"), insecure_reason=insecure_reason
        )
        needs = from_bytes(contents.octets("needs"), KeyNeeds, params)
        input_level = _read_input_level(contents, params)
        stages = read_stages(contents.field("stages", list), params, needs, input_level)
        source, target = _read_layouts(contents, params.slots)
        last = stages[-1]
        require(last.ciphertexts == target.ciphertexts, "the ciphertexts of the last stage")
        promise = read_promise(contents, params, target.size, last.level_out)
        least = tail_factor(promise["failure_probability"]) * last.predicted_error
        largest = float(promise["predicted_error"].max())
        require(largest >= NEARLY * least, "an error that the last stage does not exceed")
        plan = cls(
            **read_identity(contents),
            params=params,
            input_layout=source,
            output_layout=target,
            input_range=read_input_range(contents),
            stages=stages,
            needs=needs,
            input_level=input_level,
            answers=_read_answers(contents, target.size),
            **promise,
        )
        _check_key_bytes(plan)
        return plan


def _read_input_level(contents: container.Contents, params: CKKSParameters) -> int:
    bootstraps = contents.header.get("version") == BOOTSTRAP_VERSION
    require(bootstraps == (params.bootstrap is not None), "parameters for bootstraps, or none,")
    if not bootstraps:
        return params.max_level
    return contents.field("input_level", int)


def take_plan(given: InferencePlan | Buffer) -> InferencePlan:
    """A packed plan, or the plan in these bytes; raises `NetworkError` for any other object."""
    if isinstance(given, Buffer):
        return InferencePlan.from_bytes(given)
    if not isinstance(given, InferencePlan):
        raise NetworkError(
            f"a packed plan is needed, not {type(given).__name__}: compile with layout='packed', "
            f"or use nn.Client and nn.Server, which take any plan"
        )
    return given


def _in_megabytes(size: int | None) -> str:
    return "not stated" if size is None else f"{size / 1e6:.1f} MB"


def _log2(probability: float) -> float:
    return math.log2(max(probability, 2.0**-1074))


def _layout_header(layout: TensorLayout) -> list[object]:
    return [list(layout.shape), layout.n_slots, layout.ciphertexts, layout.period]


def _read_layouts(contents: container.Contents, n_slots: int) -> Iterator[TensorLayout]:
    """The layouts of the input and of the output, in these slots."""
    headers = contents.field("layouts", list)
    require(len(headers) == 2, "a layout of the input and of the output")
    for header, name in zip(headers, ("input", "output"), strict=True):
        lengths, slots, ciphertexts, period = checked_values(
            header, f"the layout of the {name}", list, int, int, int
        )
        require(slots == n_slots, "a layout in the slots of the parameters")
        shape = check_shape(lengths, f"a shape of the {name}")
        positions = contents.array(f"{name} positions", "int64", (math.prod(shape),))
        try:
            layout = TensorLayout(shape, slots, ciphertexts, period, positions)
        except NetworkError as problem:
            raise CorruptBytesError(f"these bytes hold no plan: {problem}") from problem
        used = distinct(layout.positions // n_slots).size
        require(used == ciphertexts, "an element in each ciphertext of a layout")
        yield layout


def _read_answers(contents: container.Contents, size: int) -> tuple[Answer, ...]:
    if "answers" not in contents.header:
        return ()
    try:
        return check_answers(read_answers(contents.field("answers", list)), size)
    except (NetworkError, HEError) as problem:
        raise CorruptBytesError(f"these bytes hold no plan: {problem}") from problem


def _check_key_bytes(plan: InferencePlan) -> None:
    """Raise `he.CorruptBytesError` for more keys than any bytes can hold."""
    try:
        _ = plan.evaluation_key_bytes
    except ParameterError as problem:
        raise CorruptBytesError(f"these bytes hold no plan: {problem}") from problem
