"""What a front end makes of activations in one word, on images that it calibrates them on."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from nn.approximation.approximate import Wanted, approximate, check_wanted
from nn.errors import ApproximationError
from nn.network.graph import Network


@dataclass(frozen=True, eq=False)
class ActivationChoice:
    """The `activation` and the `calibration` of a front end, checked before it converts anything.

    Raises `ApproximationError` for an activation without images, or one that is none.
    """

    activation: Wanted | None
    calibration: ArrayLike | None

    def __post_init__(self) -> None:
        if self.activation is None:
            return
        check_wanted(self.activation)
        if self.calibration is None:
            raise ApproximationError(
                f"activation = {self.activation!r} needs images of the kind that the network will "
                f"see: give calibration=images, an array (B, *input_shape), as well"
            )

    def made(self, network: Network) -> Network:
        """The network with polynomials for activations where that was asked, else as it is."""
        if self.calibration is None:
            return network
        return approximate(network, self.calibration, self.activation or "cheap")
