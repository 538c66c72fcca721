"""A service under load, beside the library alone."""

from __future__ import annotations

from tools.tables.markdown import commands, table
from tools.tables.result_files import commits, load, megabytes


def loaded() -> str:
    """The rates, the waiting and the memory of a service with many clients at once."""
    result = load("service")
    row = result["rows"][0]
    cores = row["workers"]
    cells = [
        ["images a second", f"{row['images_per_s']:.0f}, {row['images_per_s'] / cores:.0f} a core"],
        ["the library alone, same run", f"{row['library_images_per_s']:.0f} images a second"],
        ["share", f"{row['share']:.0%}"],
        [
            "processor time an image, service and library",
            f"{1e3 * row['service_processor_s']:.1f} and {1e3 * row['library_processor_s']:.1f} ms",
        ],
        ["waiting, median", f"{1e3 * row['waiting_median_s']:.0f} ms"],
        ["waiting, 99th percentile", f"{1e3 * row['waiting_p99_s']:.0f} ms"],
        ["memory of all processes", megabytes(row["memory_bytes"])],
        ["evaluation keys may take", megabytes(row["memory_budget_bytes"])],
        ["keys of one client, in each worker", megabytes(row["key_memory_bytes"])],
        ["wrong answers, errors", f"{row['wrong']}, 0"],
    ]
    return (
        table([f"`{row['network']}`", f"{row['clients']} clients at once"], cells, "lr")
        + f"\n{result['machine']['cpu']}, {cores} cores, one worker each; {row['images']:,} "
        + f"images, {row['tenants']} tenants; {commits([result])}. Other work of the machine was "
        + "stopped meanwhile. The clients ran on the same cores. The library ran groups of "
        + f"{row['group']} images from bytes to bytes, on all cores in one process: threads that "
        + "share an image lose some time, workers of one thread each do not, so that the share can "
        + "be above 100 %. A failed request ends the measurement with an error.\n\n"
        + commands([str(result["command"])])
    )
