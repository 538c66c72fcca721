"""Encrypted networks on modelled accelerators, and the time that an estimate takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from accel_model.estimation.grounds import ground_words
from accel_model.machine.figures import TAGS
from tools.tables.markdown import commands, table
from tools.tables.result_files import Result, commits, load, load_networks


def compared() -> str:
    """Software beside every accelerator, for each network."""
    results = load_networks("compare")
    first = results[0]
    head = ["one encrypted image"]
    software = [f"software, {_threads(first)}"]
    for result in results:
        head += [f"`{result['workload']}`", "speed-up", "energy"]
        software += [f"{1e3 * result['software']['median_s']:.3g} ms measured", "1x", ""]
    rows = [[*software, ""]]
    for place, machine in enumerate(first["machines"]):
        cells = [cell for result in results for cell in _cost(result["machines"][place])]
        rows.append([f"`{machine['machine']}`", *cells, _area(machine["area"])])
    return (
        table([*head, "area"], rows, "l" + "r" * len(head))
        + "\n"
        + "\n\n".join(_described(machine) for machine in first["machines"])
        + f"\n\nSoftware: {first['machine']['cpu']}, backend `{first['parameters']['backend']}`; "
        + f"median of {first['software']['repeats']} runs; "
        + f"{commits(results)}.\n\n"
        + commands(str(result["command"]) for result in results)
    )


def estimation() -> str:
    """The time of estimates, as programs grow."""
    result = load("estimation")
    rows: Sequence[Result] = result["rows"]
    head = ("images", "machine", "instructions", "steps", "lowering, s", "estimate, s",
            "time per instruction, us")  # fmt: skip
    cells = [
        [
            str(row["images"]),
            f"`{row['machine']}`",
            f"{row['instructions']:,}",
            f"{row['steps']:,}",
            f"{row['lower_s']:.3f}",
            f"{row['estimate_s']:.3f}",
            f"{row['us_per_instruction']:.1f}",
        ]
        for row in rows
    ]
    machine = result["machine"]
    return (
        table(head, cells, "rlrrrrr")
        + f"\n{machine['cpu']}, load average {machine['load_average']:.1f}; smallest of "
        + f"{rows[0]['repeats']} times; {commits([result])}.\n\n"
        + commands([result["command"]])
    )


def _threads(result: Result) -> str:
    count = result["software"]["threads"]
    return "one thread" if count == 1 else f"{count} threads"


def _cost(machine: Result) -> list[str]:
    """Time, speed-up and energy on one machine."""
    speed_up, energy = machine["speed_up"], machine["energy"]
    return [
        f"{1e3 * machine['time_s']:.3g} ms {machine['tag']}",
        "-" if not speed_up else f"{speed_up:.0f}x" if speed_up >= 99.5 else f"{speed_up:.2g}x",
        f"{1e3 * energy['total_j']:.3g} mJ {energy['tag']}",
    ]


def _area(area: Result) -> str:
    total = f"{area['total']:,.0f}" if area["total"] >= 1000 else f"{area['total']:.3g}"
    return f"{total} {area['unit']} {area['tag']}"


def _described(machine: Result) -> str:
    """What a machine is, its memory, its busiest unit, and how many figures have which tag."""
    counts = Counter(figure["tag"] for figure in machine["figures"].values())
    known = ", ".join(f"{counts[tag]} {tag}" for tag in TAGS if counts[tag])
    use = machine["utilisation"]
    busiest = max(use, key=use.__getitem__)
    names = {"channel": "external memory channel", "generator": "key generator"}
    unit = names.get(busiest, f"{busiest} unit")
    return (
        f"`{machine['machine']}`: {machine['title']}. On-chip memory holds {machine['slots']:,} "
        f"limbs. The {unit} is the busiest part, at work for {use[busiest]:.0%} of the time. "
        f"Origin of the figures: {known}.{_rests_on(machine)}"
    )


def _rests_on(machine: Result) -> str:
    """The shares of time, energy and area by tag, where the result has them; and its options."""
    grounds = machine.get("grounds")
    words = f" They carry: {ground_words(grounds)}." if grounds else ""
    options = [
        f"{option['name']} {1e3 * option['time_s']:.3g} ms, {1e3 * option['energy_j']:.3g} mJ"
        for option in machine.get("options", [])
        if "time_s" in option
    ]
    shown = f" With options, on the first network: {'; '.join(options)}." if options else ""
    return words + shown
