"""A client and a server of one plan, made for a command, with all kernels compiled."""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import dataclass

import numpy as np

from nn.cli.options import make_plan
from nn.errors import AnswerError
from nn.memory import gigabytes
from nn.network.graph import Network
from nn.network.layers import FloatArray
from nn.packed.client import PackedClient
from nn.packed.encrypted_batch import EncryptedBatch
from nn.packed.plan import InferencePlan
from nn.packed.server import PackedServer, made_folder
from nn.packed.weights import choose_places, weights_budget
from nn.terminal.compilation_notice import Compilation, watch_compilation
from nn.terminal.machine import backend_name
from ntt.terminal import say
from ntt.threads import check_threads, get_threads


@dataclass(frozen=True)
class Session:
    """What a command works with. The seconds do not include the compilation of kernels.

    key_bytes: the length of the evaluation keys as bytes.
    """

    network: Network
    plan: InferencePlan
    client: PackedClient
    server: PackedServer
    key_bytes: int
    plan_s: float
    keys_s: float
    server_s: float
    compilation: Compilation


def open_session(arguments: argparse.Namespace, network: Network) -> Session:
    """Plan, make keys, give them to a server as bytes, and run one blank image.

    The blank image compiles or loads every kernel, so that later times do not include that.
    """
    with watch_compilation() as compilation:
        watch = Stopwatch(compilation)
        plan = make_plan(arguments, network)
        plan_s = watch.lap()
        # An environment that cannot run the plan is an error now, before keys are made.
        backend_name(plan.params)
        _check_weights_options(arguments, plan)
        if arguments.threads is None:
            get_threads()
        else:
            check_threads(arguments.threads, "--threads")
        say(
            f"{network.name}: N = {plan.params.N}, {plan.depth} levels, "
            f"{plan.params.security_estimate}-bit security; making {plan.rotations} rotation keys"
        )
        if not plan.calibrated:
            say("the network has no statistics: errors are predicted for the worst case")
        watch.lap()
        client = PackedClient(plan)
        keys = client.evaluation_keys().to_bytes()
        keys_s = watch.lap()
        server = PackedServer(
            plan,
            network,
            keys,
            memory_bytes=_weights_budget(arguments, plan),
            weights_folder=arguments.weights_folder,
        )
        length = len(keys)
        del keys
        server_s = watch.lap()
        blank = np.full((1, *network.input_shape), np.mean(network.input_range))
        # A blank image may be unlike all that the plan's statistics know.
        with contextlib.suppress(AnswerError):
            client.decrypt(server.run(client.encrypt(blank)).to_bytes())
    return Session(network, plan, client, server, length, plan_s, keys_s, server_s, compilation)


def _weights_budget(arguments: argparse.Namespace, plan: InferencePlan) -> int | None:
    """The server's `memory_bytes`: what was asked for, else all where that leaves enough free.

    Where it is not all, and nothing was asked for, a line on standard error says so.
    """
    if arguments.memory is not None:
        asked: int = arguments.memory
        return asked
    sizes = _weight_sizes(plan)
    budget = weights_budget(sizes)
    if budget is not None:
        folder = arguments.weights_folder
        say(
            f"the encoded weights take {gigabytes(sum(sizes))}: each stage's are encoded when a "
            "run comes to it"
            if folder is None
            else f"the encoded weights take {gigabytes(sum(sizes))}: most lie in {folder}"
        )
    return budget


def _check_weights_options(arguments: argparse.Namespace, plan: InferencePlan) -> None:
    """Raise what the server would raise for its memory and its folder, before keys are made."""
    folder = arguments.weights_folder
    if folder is not None:
        made_folder(folder)
    choose_places(_weight_sizes(plan), arguments.memory, files=folder is not None)


def _weight_sizes(plan: InferencePlan) -> list[int]:
    return [stage.weight_bytes for stage in plan.stages if stage.weight_bytes]


def decrypted(client: PackedClient, answer: EncryptedBatch | bytes) -> tuple[FloatArray, bool]:
    """The logits (B, classes), and whether the plan's promise holds for them.

    Where it does not, a line on standard error says so.
    """
    try:
        logits = client.decrypt(answer)
        return logits.reshape(len(logits), -1), True
    except AnswerError as error:
        say(f"warning: {error}")
        return error.logits, False


class Stopwatch:
    """The seconds between laps, without those in which kernels were compiled."""

    def __init__(self, compilation: Compilation) -> None:
        self._compilation = compilation
        self._last = self._now()

    def lap(self) -> float:
        """Seconds since the last call, or since the stopwatch was made."""
        now = self._now()
        seconds = now - self._last
        self._last = now
        return seconds

    def _now(self) -> float:
        return time.perf_counter() - self._compilation.seconds
