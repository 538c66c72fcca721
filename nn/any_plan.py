"""Plans of every kind: `read_plan`, and the `Client` and the `Server` that suit a plan."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, overload

from he.format import container
from he.rlwe.evaluation_keys import EvaluationKeys
from he.rlwe.serializable import Buffer
from he.trace import Tracer
from nn.errors import NetworkError
from nn.inference.limits import DEFAULT_LIMITS, Limits
from nn.inference.roles import AnyClient, AnyServer
from nn.network.graph import Network
from nn.packed.client import PackedClient
from nn.packed.plan import KIND as PACKED
from nn.packed.plan import InferencePlan
from nn.packed.server import PackedServer
from ntt.lazy import LazyModule

if TYPE_CHECKING:
    from nn.batched import client, plan_reader, server
    from nn.batched import plan as batched
    from nn.batched.client import BatchedClient
    from nn.batched.plan import BatchedPlan
    from nn.batched.server import BatchedServer
else:  # a process that runs a packed plan needs none of them
    batched = LazyModule("nn.batched.plan")
    client = LazyModule("nn.batched.client")
    plan_reader = LazyModule("nn.batched.plan_reader")
    server = LazyModule("nn.batched.server")


def read_plan(
    data: Buffer, *, insecure_reason: str | None = None
) -> InferencePlan | BatchedPlan:
    """The plan of any kind that `to_bytes` of the plan wrote.

    insecure_reason: words that say why a plan outside the security table may be read. Raises
    `he.SerializationError` for other bytes, and `he.InsecureParametersError` for such a plan
    without the words.
    """
    if container.kind_of(data) == PACKED:
        return InferencePlan.from_bytes(data, insecure_reason=insecure_reason)
    return plan_reader.read_batched_plan(data, insecure_reason=insecure_reason)


class _Maker:
    """A function that makes objects of several classes; `isinstance` takes it for their base.

    kinds: gives the classes.
    """

    def __init__(
        self, function: Callable[..., Any], kinds: Callable[[], tuple[type, ...]]
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._kinds = kinds

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._function(*arguments, **keywords)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._kinds())


def _makes(kinds: Callable[[], tuple[type, ...]]) -> Callable[[Callable[..., Any]], _Maker]:
    return lambda function: _Maker(function, kinds)


@overload
def Client(
    plan: InferencePlan, secret_key: Buffer | None = None, *, limits: Limits = DEFAULT_LIMITS
) -> PackedClient: ...


@overload
def Client(
    plan: BatchedPlan,
    secret_key: Sequence[Buffer] | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> BatchedClient: ...


@overload
def Client(
    plan: Buffer,
    secret_key: Buffer | Sequence[Buffer] | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> AnyClient: ...


@_makes(lambda: (PackedClient, client.BatchedClient))
def Client(
    plan: InferencePlan | BatchedPlan | Buffer,
    secret_key: Any = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> AnyClient:
    """The client of any plan, from the plan or its bytes.

    It is a `PackedClient` or a `BatchedClient`, as the plan is. secret_key: what `secret_key_bytes`
    of an earlier client gave; None makes fresh keys. limits: what the client does for a plan at
    most. ``isinstance(x, nn.Client)`` is true for both kinds; an annotation takes `AnyClient`, or
    the kind.

    Raises `NetworkError` for an object that is no plan, `he.SerializationError` for bytes that hold
    no plan, and `LimitError` for a plan beyond the limits.
    """
    plan = _take_plan(plan)
    if isinstance(plan, InferencePlan):
        return PackedClient(plan, secret_key, limits=limits)
    return client.BatchedClient(plan, secret_key, limits=limits)


@overload
def Server(
    plan: InferencePlan,
    network: Network,
    keys: EvaluationKeys | Buffer,
    *,
    tracer: Tracer | None = None,
    most_images: int | None = None,
    memory_bytes: int | None = None,
    weights_folder: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> PackedServer: ...


@overload
def Server(
    plan: BatchedPlan,
    network: Network,
    keys: Sequence[EvaluationKeys | Buffer],
    *,
    most_images: int | None = None,
) -> BatchedServer: ...


@overload
def Server(
    plan: Buffer,
    network: Network,
    keys: EvaluationKeys | Buffer | Sequence[EvaluationKeys | Buffer],
    *,
    tracer: Tracer | None = None,
    most_images: int | None = None,
    memory_bytes: int | None = None,
    weights_folder: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> AnyServer: ...


@_makes(lambda: (PackedServer, server.BatchedServer))
def Server(
    plan: InferencePlan | BatchedPlan | Buffer,
    network: Network,
    keys: Any,
    *,
    tracer: Tracer | None = None,
    most_images: int | None = None,
    memory_bytes: int | None = None,
    weights_folder: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> AnyServer:
    """The server of any plan, from the plan or its bytes.

    It is a `PackedServer` or a `BatchedServer`, as the plan is. network: the network that the plan
    was compiled for. keys: what `evaluation_keys` of the client gave, or the bytes of each. tracer:
    records the operations of runs in the packed layout. most_images: the most images of one
    request, by default 1024 packed ones, or as many as there are slots. memory_bytes,
    weights_folder, progress: of the weights in the packed layout, as `PackedServer` says.
    ``isinstance(x, nn.Server)`` is true for both kinds; an annotation takes `AnyServer`, or the
    kind.

    Raises `NetworkError` for an object that is no plan, `he.SerializationError` for bytes that hold
    no plan, and what the two classes raise.
    """
    plan = _take_plan(plan)
    if isinstance(plan, InferencePlan):
        return PackedServer(
            plan,
            network,
            keys,
            tracer=tracer,
            most_images=most_images,
            memory_bytes=memory_bytes,
            weights_folder=weights_folder,
            progress=progress,
        )
    if memory_bytes is not None or weights_folder is not None:
        raise NetworkError(
            "memory_bytes and weights_folder are about the weights of the packed layout only: a "
            "batched server encodes none in advance"
        )
    if tracer is not None:
        raise NetworkError(
            "a tracer records runs of the packed layout only: compile with layout='packed'"
        )
    return server.BatchedServer(plan, network, keys, most_images=most_images)


def _take_plan(given: InferencePlan | BatchedPlan | Buffer) -> InferencePlan | BatchedPlan:
    if isinstance(given, Buffer):
        return read_plan(given)
    if not isinstance(given, InferencePlan) and not isinstance(given, batched.BatchedPlan):
        raise NetworkError(
            f"a plan of nn.compile or its bytes is needed, not {type(given).__name__}"
        )
    return given
