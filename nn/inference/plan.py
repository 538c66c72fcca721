"""The common type of all plans."""

from __future__ import annotations

from typing import Protocol

from he.rlwe.key_needs import KeyNeeds
from he.rlwe.params import RLWEParameters
from he.validation import instance
from nn.errors import NetworkError
from nn.network.graph import Network


class Plan(Protocol):
    """What every plan of `nn.compile` has."""

    @property
    def network(self) -> str:
        """The name of the network that the plan was compiled for."""

    @property
    def fingerprint(self) -> bytes:
        """`Network.fingerprint` of that network; empty where there is no `Network`."""

    @property
    def id(self) -> bytes:
        """16 bytes that tell this plan from any other that client and server could hold."""

    @property
    def needs(self) -> KeyNeeds:
        """The evaluation keys that the server needs, for each parameter set."""

    @property
    def parameter_sets(self) -> tuple[RLWEParameters, ...]:
        """The parameter sets, several where values are computed modulo several plain moduli."""

    @property
    def ciphertexts_of_images(self) -> int:
        """Ciphertexts under each parameter set: of one image if packed, of one run if batched."""

    @property
    def ciphertexts_of_answers(self) -> int:
        """The same for the answers."""

    @property
    def evaluation_key_bytes(self) -> int:
        """The exact size of the evaluation keys in bytes, under all parameter sets."""

    def to_bytes(self) -> bytes:
        """The plan as bytes, without weights: what a client needs. `nn.read_plan` reads them."""


def check_network(plan: Plan, network: Network) -> None:
    """Raise `NetworkError` unless the plan was compiled for this network.

    Raises `he.WrongObjectError` for an object that is no network.
    """
    instance(network, Network, "network")
    if network.fingerprint() != plan.fingerprint:
        raise NetworkError(
            f"the plan was compiled for the network {plan.network!r} with other weights than this "
            f"{network.name!r}: compile this network, or load the network that was compiled"
        )
