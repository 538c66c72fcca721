"""The machine and the software that a result was measured with."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from he.rlwe.params import RLWEParameters
from ntt.backends.select import backend_for
from ntt.cpu import cpu_features
from ntt.threads import machine_threads

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30}
_FEATURES = ("avx2", "fma", "avx512f", "avx512ifma", "neon")


def machine_description() -> dict[str, object]:
    """The processor, its vector features that kernels may use, threads, memory and versions.

    cpu_family, cpu_model_number: the numbers that tell processors of one name apart, or None;
    cache_bytes: the size of each cache that a thread sees, by name, empty where the system does not
    tell. The load average of the last minute shows whether other work ran at the same time.
    """
    return {
        "cpu": cpu_model(),
        "cpu_family": _number_of_cpu("cpu family"),
        "cpu_model_number": _number_of_cpu("model"),
        "cache_bytes": cache_bytes(),
        "cpu_features": [name for name in _FEATURES if name in cpu_features()],
        "threads_available": machine_threads(),
        "memory_bytes": _memory_bytes(),
        "load_average": _load_average(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "numba", "llvmlite")},
    }


def cpu_model() -> str:
    """The processor's name, from the system."""
    return _of_cpu("model name") or platform.processor() or platform.machine()


def cache_bytes() -> dict[str, int]:
    """The size of each cache of the first CPU: ``L1d``, ``L1i``, ``L2``, ``L3``; Linux only."""
    found = {}
    for folder in sorted(_CACHES.glob("index*")):
        try:
            level, kind, size = (
                (folder / name).read_text(encoding="utf-8").strip()
                for name in ("level", "type", "size")
            )
        except OSError:
            continue
        match = re.fullmatch(r"(\d+)([KMG]?)", size)
        if match:
            suffix = kind[0].lower() if kind in ("Data", "Instruction") else ""
            found[f"L{level}{suffix}"] = int(match[1]) << _SHIFTS[match[2]]
    return found


def _of_cpu(key: str) -> str | None:
    """What Linux says about the first CPU under `key`, or None."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _number_of_cpu(key: str) -> int | None:
    text = _of_cpu(key)
    return int(text) if text and text.isdigit() else None


def backend_name(params: RLWEParameters) -> str:
    """The name of the backend that runs a parameter set's transforms."""
    bits = max(prime.bit_length() for prime in params.q + params.p)
    return backend_for(params.N, bits).__name__.rpartition(".")[2]


def peak_rss_bytes() -> int:
    """The largest resident memory of this process so far."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def source_commit() -> str | None:
    """The commit of this file's checkout, with "+changes" if files differ from the commit.

    Result files of benchmarks do not count: measuring a commit rewrites them one after the other.
    None outside a checkout, or without git.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        status = ["status", "--porcelain", "--untracked-files=no"]
        changed = _git(root, *status, "--", ":!benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+changes" if changed else commit


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _load_average() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None
