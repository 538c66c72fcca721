"""Options that several commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from accel_model.cli.output_files import picture_file, result_file
from accel_model.errors import MachineMismatchError
from accel_model.machine.description import Machine
from accel_model.machine.machine_file import machine_names
from benchmarks.peers.library import Case
from ntt.terminal import positive, say

DEFAULT_MACHINES = ("ecp5", "asic7")
_LONGEST_S = 24 * 3600.0


def seconds(text: str) -> float:
    """A time from 0 seconds to a day, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= _LONGEST_S:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time in seconds of at most a day, for example 0.5"
        )
    return number


def case(text: str) -> Case:
    """A ring degree and a depth, for argparse."""
    match = re.fullmatch(r"(\d{1,6}):(\d{1,3})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not N:DEPTH, for example 8192:2")
    return Case(int(match[1]), int(match[2]))


Named = TypeVar("Named")
Found = TypeVar("Found")


def add_cases_option(
    parser: argparse.ArgumentParser, cases: Sequence[object], metavar: str
) -> None:
    """``--case``, one or several of those that a command knows."""
    known = ", ".join(map(str, cases))
    parser.add_argument(
        "--case",
        action="append",
        metavar=metavar,
        help=f"may be repeated (default: all of {known})",
    )


def chosen_cases(wanted: Sequence[str] | None, cases: Sequence[Named]) -> list[Named] | None:
    """The cases of these names, default all; None, and a word about it, where one is unknown."""
    names = set(wanted or map(str, cases))
    chosen = [case for case in cases if str(case) in names]
    if len(chosen) == len(names):
        return chosen
    known = ", ".join(map(str, cases))
    say(f"unknown case among {sorted(names)}: the cases are {known}")
    return None


def add_output_options(parser: argparse.ArgumentParser, *, picture: bool = True) -> None:
    """``--json`` for the rows, and ``--plot`` for a picture of them."""
    parser.add_argument("--json", type=result_file, metavar="FILE", help="write the rows to FILE")
    if picture:
        parser.add_argument(
            "--plot", type=picture_file, metavar="FILE", help="draw a picture to FILE"
        )


def add_memory_option(parser: argparse.ArgumentParser) -> None:
    """``--memory``, the default, and ``--no-memory``."""
    parser.add_argument(
        "--memory",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also measure the peak memory, each workload in a process of its own (default)",
    )


def add_machine_option(parser: argparse.ArgumentParser) -> None:
    """``--machine``, one or several; None stands for `DEFAULT_MACHINES`."""
    parser.add_argument(
        "--machine",
        action="append",
        metavar="NAME|FILE",
        help=f"one of {', '.join(machine_names())}, or a .toml file; may be repeated "
        f"(default: {' and '.join(DEFAULT_MACHINES)}, where the work fits)",
    )


def on_machines(
    machines: Sequence[Machine], named: bool, work: Callable[[Machine], Found]
) -> list[Found]:
    """`work` on each machine. One that no option named is left out, with a word, if it is unfit.

    Raises `MachineMismatchError` where a named machine does not fit, or none does.
    """
    found, unfit = [], []
    for machine in machines:
        try:
            found.append(work(machine))
        except MachineMismatchError as error:
            if named:
                raise
            unfit.append(error)
            say(f"{machine.name} is left out: {error}")
    if not found:
        raise unfit[-1]
    return found


def add_network_options(parser: argparse.ArgumentParser, images: Sequence[int], what: str) -> None:
    """``--network``, and ``--images``, one or several counts of `what`."""
    parser.add_argument(
        "--network", default="mnist", metavar="NAME|FILE", help="default: %(default)s"
    )
    parser.add_argument(
        "--images",
        type=positive,
        nargs="+",
        default=list(images),
        metavar="COUNT",
        help=f"{what}, one or several counts (default: {' '.join(map(str, images))})",
    )
