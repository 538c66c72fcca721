"""The Verilator model of a block as a shared library, built once for each content."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from pathlib import Path

from rtl.files import write_whole
from rtl.tools import find_tool, package_version, run
from rtl.verilog.design import Design
from rtl.verilog.ports import Field, Port

_VERILATE = [
    *("--cc", "--top-module", "top", "--prefix", "Vtop", "--Mdir", "model", "-O3"),
    *("--x-assign", "fast", "--x-initial", "fast", "--noassert"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-style"),
]
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_TRACE_RUNTIME = ("verilated_vcd_c.cpp",)
_WRAPPER = Path(__file__).with_name("wrapper.cpp")
_HANDSHAKE = ("input_valid", "input_ready", "output_valid", "output_ready", "busy")


def cache_folder() -> Path:
    """The folder of built models: in $HE_ACCEL_CACHE if set, else in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HE_ACCEL_CACHE") or Path(base, "he-accel"), "rtl")


def build(
    design: Design,
    trace: bool,
    *,
    wrapper: Path = _WRAPPER,
    include: str | None = None,
    optimisation: str = "-O1",
) -> Path:
    """The path of the design's shared library, which is built if the cache does not have it.

    trace: whether the model can write waveforms. wrapper: the C++ around the model; include: what
    it includes as `fields.inc`, by default the moves of the design's fields. Raises `ToolError` if
    Verilator or a C++ compiler is missing or fails.
    """
    verilator = find_tool("verilator-cli")
    compiler = find_tool("g++", "a C++ compiler is needed (Debian: apt-get install g++)")
    root = run([verilator, "--getenv", "VERILATOR_ROOT"]).strip()
    flags = [
        *(optimisation, "-fPIC", "-w", "-DVM_COVERAGE=0", "-DVM_SC=0", f"-DVM_TRACE={int(trace)}"),
        *(f"-DVM_TRACE_VCD={int(trace)}", f"-I{root}/include", f"-I{root}/include/vltstd"),
    ]
    fields = _fields_include(design) if include is None else include
    key = _digest(design.verilog, *design.images.values(), fields, wrapper.read_text(), *flags)
    library = cache_folder() / f"{design.name}-{key}.so"
    if library.exists():
        return library
    runtime = _runtime(compiler, flags, root, trace)
    # The model reads its images whenever it starts, so they are kept in the cache too.
    verilog = design.verilog
    for image, text in design.images.items():
        kept = library.with_name(f"{key}-{image}")
        write_whole(kept, text)
        verilog = verilog.replace(f'"{image}"', f'"{kept}"')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "top.v").write_text(verilog.replace(f"module {design.name}(", "module top(", 1))
        (folder / "fields.inc").write_text(fields)
        run([verilator, *_VERILATE, *(["--trace-vcd"] if trace else []), "top.v"], folder=folder)
        sources = [*sorted((folder / "model").glob("*.cpp")), wrapper]
        (folder / "all.cpp").write_text("".join(f'#include "{path}"\n' for path in sources))
        includes = [f"-I{folder}", f"-I{folder}/model"]
        built = folder / "block.so"
        run([compiler, *flags, *includes, "-shared", "all.cpp", *runtime, "-o", str(built),
             "-lpthread"], folder=folder)  # fmt: skip
        _install(built, library)
    return library


def _runtime(compiler: str, flags: list[str], root: str, trace: bool) -> list[str]:
    """The objects of Verilator's own library, compiled once for all blocks."""
    objects = []
    for source in (*_RUNTIME, *(_TRACE_RUNTIME if trace else ())):
        object_file = cache_folder() / f"{source}-{_digest(source, *flags)}.o"
        objects.append(str(object_file))
        if not object_file.exists():
            with tempfile.TemporaryDirectory() as name:
                built = Path(name, "part.o")
                run([compiler, *flags, "-c", f"{root}/include/{source}", "-o", str(built)])
                _install(built, object_file)
    return objects


def _install(built: Path, target: Path) -> None:
    """Put a file in the cache at once, so that no other process sees a part of it."""
    write_whole(target, built.read_bytes())


def _digest(*parts: str) -> str:
    """A name for these parts, Verilator's version and this kind of machine."""
    parts += (package_version("verilator"), platform.machine())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def pieces(ports: tuple[Port, ...], *, inputs: bool) -> list[Field]:
    """The fields that a simulation drives or samples, in pieces of at most 64 bits.

    Handshakes are left out.
    """
    found = []
    for port in ports:
        if port.is_input != inputs or port.name in _HANDSHAKE:
            continue
        for field in port.fields:
            if field.width <= 64:
                found.append(field)
                continue
            for i, low in enumerate(range(0, field.width, 64)):
                width = min(64, field.width - low)
                found.append(Field(f"{field.name}:{i}", port.name, field.offset + low, width))
    return [piece for piece in found if piece.width]


def _fields_include(design: Design) -> str:
    """The C++ that moves fields between rows and ports, for wrapper.cpp."""
    inputs, outputs = pieces(design.ports, inputs=True), pieces(design.ports, inputs=False)
    names = {port.name for port in design.ports}
    puts = "".join(
        f"    set_field(top.{f.port}, {f.offset}, {f.width}, row[{i}]);\n"
        for i, f in enumerate(inputs)
    )
    gets = "".join(
        f"    row[{i}] = get_field(top.{f.port}, {f.offset}, {f.width});\n"
        for i, f in enumerate(outputs)
    )
    return (
        f"constexpr int INPUT_FIELDS = {len(inputs)}, OUTPUT_FIELDS = {len(outputs)};\n"
        f"#define HAS_STREAMS {int('input_valid' in names)}\n"
        f"#define HAS_BUSY {int('busy' in names)}\n"
        f"inline void put_inputs(Vtop& top, const uint64_t* row) {{\n{puts}}}\n"
        f"inline void get_outputs(const Vtop& top, uint64_t* row) {{\n{gets}}}\n"
    )
