"""Options that several commands share, and the networks and plans that they ask for."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import nn
from he.format.archive import ArchiveError, read_arrays
from nn.approximation.approximate import Wanted
from nn.approximation.samples import DEFAULT_MARGIN
from nn.batched.plan import BatchedPlan
from nn.cli.data import as_images
from nn.compilation import plan_network
from nn.errors import NetworkError, NetworkFileError, ZooError
from nn.inference.options import PlanOptions
from nn.network.graph import Network
from nn.packed.plan import InferencePlan
from ntt.terminal import positive

Subparsers = Any  # argparse names this type in private only

_APPROXIMATION = ("activation", "margin", "ranges")
"""Options that go with --calibrate: what `nn.approximate` takes by these names."""


def command_parser(
    subparsers: Subparsers, name: str, summary: str, details: str = ""
) -> argparse.ArgumentParser:
    """A command's parser, with the options that every command takes."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {details}".strip(),
    )
    parser.add_argument(
        "--network",
        default="mnist",
        metavar="NAME|FILE",
        help=f"a network of the zoo ({', '.join(nn.zoo.names())}), a file that nn.save wrote, or "
        "an ONNX file, NAME.onnx (default: %(default)s)",
    )
    parser.add_argument(
        "--input-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="the range of the inputs of an ONNX file (default: 0 1)",
    )
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="FILE.npz",
        help="a file with the array `images`: on them activations become polynomials, and "
        "predictions tight (default: the file's network as it is)",
    )
    approximation = parser.add_argument_group("with --calibrate")
    approximation.add_argument(
        "--activation",
        type=_activation,
        metavar="WAY",
        help="what activations become: cheap, exact, a degree, or the degrees of a composite sign, "
        "as 15,25 (default: cheap)",
    )
    approximation.add_argument(
        "--margin",
        type=float,
        metavar="SHARE",
        help="how much wider a range is than the values of the images, each side, in units of "
        f"their width (default: {DEFAULT_MARGIN})",
    )
    approximation.add_argument(
        "--ranges",
        choices=("channel", "layer"),
        help="what has a range of its own (default: channel)",
    )
    add_planning_options(parser)
    parser.add_argument(
        "--verbose", action="store_true", help="show where in the code bad input was found"
    )
    return parser


def add_planning_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `make_plan` reads."""
    planning = parser.add_argument_group("planning")
    planning.add_argument(
        "--security",
        type=int,
        metavar="BITS",
        default=128,
        help="security level: 128, 192 or 256 (default: %(default)s)",
    )
    planning.add_argument(
        "--precision",
        type=_bits,
        metavar="BITS",
        help="predict every logit within 2^-BITS of the largest logit (default: what nn.compile "
        "takes)",
    )
    planning.add_argument(
        "--ring-degree", type=int, metavar="N", help="ring degree (default: the smallest that fits)"
    )
    planning.add_argument(
        "--dnum",
        type=int,
        metavar="COUNT",
        help="key-switching digits (default: the fewest that fit)",
    )
    planning.add_argument(
        "--bootstrap",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="refresh ciphertexts on the way, or never (default: where a network is too deep "
        "without)",
    )
    planning.add_argument(
        "--word-bits",
        type=int,
        metavar="BITS",
        help="primes below 2^BITS, for machines with short words (default: what is fastest here)",
    )
    planning.add_argument(
        "--insecure-reason",
        metavar="WORDS",
        help="why parameters outside the security table are wanted (default: refuse them)",
    )


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``: images to try the network on."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE.npz",
        help="a file with the arrays `images` (n, *input shape), uint8 pixels or floats in the "
        "input range, and `labels` (n,) (default: the zoo's test set for the network)",
    )


def add_threads_option(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    """Add ``--threads``."""
    otherwise = default or "HE_ACCEL_THREADS, or all CPUs of this process"
    parser.add_argument(
        "--threads",
        type=positive,
        default=default,
        metavar="COUNT",
        help=f"threads of the server (default: {otherwise})",
    )


def add_count_option(
    parser: argparse.ArgumentParser, name: str, default: int | None, meaning: str
) -> None:
    """Add an option that takes a whole number above 0; `meaning` explains a default of None."""
    parser.add_argument(
        name,
        type=positive,
        default=default,
        metavar="COUNT",
        help=meaning if default is None else f"{meaning} (default: %(default)s)",
    )


def add_batched_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--scheme``, ``--batched`` and the options of batched runs."""
    batched = parser.add_argument_group("thousands of images at once")
    batched.add_argument("--batched", action="store_true", help="put one image in each slot")
    batched.add_argument(
        "--scheme",
        choices=("ckks", "bfv"),
        default="ckks",
        help="approximate numbers, or exact integers, always batched (default: %(default)s)",
    )
    batched.add_argument(
        "--images",
        type=positive,
        metavar="COUNT",
        help="images in a run (default: one for each slot, or all images of the data if fewer)",
    )
    for name, meaning, default in (("input", "pixel", 3), ("weight", "weight", 5)):
        batched.add_argument(
            f"--{name}-bits",
            type=positive,
            metavar="COUNT",
            help=f"bits of every quantised {meaning}, with bfv (default: {default})",
        )


def add_memory_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--memory`` and ``--weights-folder``: where the server keeps its weights."""
    memory = parser.add_argument_group("memory of the server")
    memory.add_argument(
        "--memory",
        type=_bytes,
        metavar="GB",
        help="the most memory for encoded weights; what does not fit is encoded for each run, or "
        "read from --weights-folder (default: what all weights take, where that is at most half of "
        "the free memory, else what the largest stage's take)",
    )
    memory.add_argument(
        "--weights-folder",
        type=Path,
        metavar="FOLDER",
        help="where encoded weights that do not fit the memory lie as files, which later servers "
        "find (default: nowhere)",
    )


def _bytes(text: str) -> int:
    """A number of gigabytes, 0 or more, as bytes, for argparse."""
    try:
        number = float(text) * 1e9
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of gigabytes")
    return int(number)


def _activation(text: str) -> Wanted:
    """``cheap``, ``exact``, a degree or several, for argparse."""
    words: dict[str, Wanted] = {"cheap": "cheap", "exact": "exact"}
    if text in words:
        return words[text]
    try:
        degrees = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: cheap, exact, a degree, or degrees such as 15,25 are possible"
        ) from None
    return degrees[0] if len(degrees) == 1 else degrees


def _bits(text: str) -> float:
    """A number of bits above 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bits above 0")
    return number


def network_of(arguments: argparse.Namespace) -> Network:
    """The network that ``--network`` names, calibrated on the images of ``--calibrate``."""
    given = getattr(arguments, "input_range", None)
    network = load_network(arguments.network, None if given is None else tuple(given))
    path = getattr(arguments, "calibrate", None)
    asked = {name: getattr(arguments, name, None) for name in _APPROXIMATION}
    ways: dict[str, Any] = {name: way for name, way in asked.items() if way is not None}
    if path is None and ways:
        raise NetworkError(
            f"without images, no activation becomes a polynomial by --{', --'.join(ways)}: give "
            f"--calibrate FILE as well"
        )
    if path is None:
        return network
    try:
        images = read_arrays(path, ("images",))["images"]
    except (OSError, KeyError, ArchiveError) as error:
        raise NetworkFileError(
            f"{path} cannot be read as an .npz file with the array images: {error}"
        ) from error
    return nn.approximate(network, as_images(network, images, str(path)), **ways)


def load_network(name: str, input_range: tuple[float, float] | None = None) -> Network:
    """The zoo's network called `name`, or the network in the file called `name`.

    input_range: of an ONNX file, by default [0, 1]. Raises `ZooError` for an unknown name,
    `NetworkFileError` for a file that holds no network, and what `nn.from_onnx` raises.
    """
    if name in nn.zoo.names():
        return nn.zoo.load(name)
    path = Path(name)
    if not path.is_file():
        raise ZooError(
            f"there is no network {name!r}: the zoo has {', '.join(nn.zoo.names())}, and no file "
            f"has that name"
        )
    try:
        if path.suffix == ".onnx":
            return nn.from_onnx(path, input_range=input_range or (0.0, 1.0))
        return nn.load(path)
    except OSError as error:
        raise NetworkFileError(f"{path} cannot be read: {error}") from error


def make_plan(arguments: argparse.Namespace, network: Network, **changes: Any) -> InferencePlan:
    """The packed plan that the planning options ask for; changes: other fields of `PlanOptions`."""
    options = replace(planning_options(arguments), **changes)
    plan = plan_network(network, "ckks", "packed", options)
    assert isinstance(plan, InferencePlan)
    return plan


def make_batched_plan(arguments: argparse.Namespace, network: Network) -> BatchedPlan:
    """The batched plan that the planning options and those of `add_batched_options` ask for."""
    options = replace(
        planning_options(arguments),
        input_bits=arguments.input_bits,
        weight_bits=arguments.weight_bits,
    )
    plan = plan_network(network, arguments.scheme, "batched", options)
    assert isinstance(plan, BatchedPlan)
    return plan


def planning_options(arguments: argparse.Namespace) -> PlanOptions:
    """What the options of `add_planning_options` say."""
    return PlanOptions(
        security_bits=arguments.security,
        precision_bits=arguments.precision,
        N=arguments.ring_degree,
        dnum=arguments.dnum,
        bootstrap=arguments.bootstrap,
        word_bits=arguments.word_bits,
        insecure_reason=arguments.insecure_reason,
    )
