"""`python -m ntt warm`: compile the kernels of this machine before the first run needs them."""

from __future__ import annotations

import time

from ntt.backends.select import available_backends
from ntt.errors import ArithmeticLayerError
from ntt.terminal import CommandParser, run_command, show
from ntt.warming import is_warm, warm


def main(arguments: list[str] | None = None) -> int:
    """Run the command line `arguments`, default those of the process; returns the exit status.

    The statuses are those of `ntt.terminal.run_command`.
    """
    return run_command(lambda: _run(arguments), ArithmeticLayerError)


def _run(arguments: list[str] | None) -> int:
    parser = CommandParser(prog="python -m ntt", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    warming = commands.add_parser("warm", help="compile every kernel into the cache")
    warming.add_argument(
        "--backend",
        action="append",
        metavar="NAME",
        help=f"only this backend (may be repeated); this CPU has {', '.join(available_backends())}",
    )
    options = parser.parse_args(arguments)
    return _warm(tuple(options.backend or available_backends()))


def _warm(backends: tuple[str, ...]) -> int:
    if is_warm(*backends):
        show(f"The kernels of {', '.join(backends)} are compiled for this machine already.")
        return 0
    start = time.perf_counter()
    warm(*backends, progress=_print_kernel)
    seconds = time.perf_counter() - start
    kept = "kept for later runs" if is_warm(*backends) else "not kept: see the warning"
    show(f"Compiled the kernels of {', '.join(backends)} in {seconds:.1f} s, {kept}.")
    return 0


def _print_kernel(backend: str, kernel: str, seconds: float) -> None:
    show(f"{backend:>8}  {kernel:<17} {seconds:6.2f} s")
