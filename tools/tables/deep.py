"""The zoo's ResNet-20, encrypted: time, memory and error of each step."""

from __future__ import annotations

from statistics import median

from tools.tables.markdown import commands, table
from tools.tables.result_files import commits, gigabytes, load

_RUNS = {
    "deep-cifar10": "weights encoded for each image",
    "deep-cifar10-2-threads": "weights encoded for each image",
    "deep-cifar10-files": "weights in files",
    "deep-cifar10-files-2-threads": "weights in files",
}


def measured() -> str:
    """One column a run."""
    results = [load(name) for name in _RUNS]
    rows = [result["rows"][0] for result in results]
    head = [
        "",
        *(f"{what}, threads: {r['threads']}" for r, what in zip(rows, _RUNS.values(), strict=True)),
    ]
    first = rows[0]
    cells = [
        ["image, fastest", *(f"**{min(row['image_s']):.1f} s**" for row in rows)],
        ["image, median", *(f"{median(row['image_s']):.1f} s" for row in rows)],
        ["first image of the process", *(f"{row['image_s'][0]:.1f} s" for row in rows)],
        ["images", *(f"{row['images']}, {row['same_class']} of the same class" for row in rows)],
        ["largest error of a logit", *(f"{row['largest_error']:.2g}" for row in rows)],
        ["plan", *(f"{row['compile_s']:.1f} s" for row in rows)],
        ["keys", *(f"{row['keys_s']:.1f} s" for row in rows)],
        ["server", *(f"{row['server_s']:.1f} s" for row in rows)],
        ["peak memory of the process", *(gigabytes(row["peak_bytes"]) for row in rows)],
    ]
    return (
        table(head, cells, "l" + "r" * len(rows))
        + f"\n{first['levels']} levels, {first['diagonals']:,} diagonals, {first['rotations']} "
        + f"rotations; keys of {gigabytes(first['key_bytes'])} are sent, weights take "
        + f"{gigabytes(first['weight_bytes'])} encoded; no logit's error may exceed the predicted "
        + f"{first['predicted_error']:.3f}. {results[0]['machine']['cpu']}, "
        + f"{commits(results)}. Other work of the machine was stopped meanwhile. The process holds "
        + "client, plan and server; files that are mapped count in its memory.\n\n"
        + commands([str(result["command"]) for result in results])
    )
