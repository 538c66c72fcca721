"""Encrypted networks in software: one image, several at once, a full batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tools.tables.markdown import commands, table
from tools.tables.result_files import Result, commits, gigabytes, load, load_networks, megabytes

Row = tuple[str, Callable[[Result], str]]

BATCHES = {
    "batch-1-threads": "packed, CKKS",
    "batch-2-threads": "packed, CKKS",
    "bfv-batched": "batched, BFV",
    "ckks-batched": "batched, CKKS",
}
"""Files `nn-bench-mnist-NAME.json`: layout and scheme."""


def headline() -> str:
    """The README's table: time, traffic, security, and whether the answers are right."""
    bench, accuracy = load_networks("nn-bench"), load_networks("nn-accuracy")
    rows = [*_rows(_COST, bench), *_rows(_ANSWERS, accuracy)]
    machine = bench[0]["machine"]
    return (
        table(_networks(bench), rows, "lrr")
        + f"\n{machine['cpu']}, backend `{bench[0]['backend']}`; "
        + f"{commits([*bench, *accuracy])}.\n"
    )


def one_image() -> str:
    """One image at a time: the headline's rows, more about the errors, and the commands."""
    bench, accuracy = load_networks("nn-bench"), load_networks("nn-accuracy")
    rows = [*_rows(_COST, bench), *_rows(_ANSWERS[:1] + _ERRORS + _ANSWERS[1:], accuracy)]
    machine = bench[0]["machine"]
    versions = ", ".join(
        f"{title} {machine[title.lower()]}" for title in ("Python", "NumPy", "Numba")
    )
    return (
        table(_networks(bench), rows, "lrr")
        + f"\n{machine['cpu']}, backend `{bench[0]['backend']}`, {versions}; "
        + f"{commits([*bench, *accuracy])}. Times are medians of {bench[0]['repeats']} runs, "
        + "without the time to compile kernels and to load keys.\n\n"
        + commands(str(result["command"]) for result in (*bench, *accuracy))
    )


def several_images() -> str:
    """Several images in one run, in both layouts."""
    found = [load(f"nn-bench-mnist-{name}") for name in BATCHES]
    rows = _rows(
        (
            ("images in one run", lambda r: f"{_images(r):,}"),
            ("threads", lambda r: str(r["threads"])),
            ("server time for an image", lambda r: f"{1e3 * _an_image(r):.3g} ms"),
            ("server time for all images", lambda r: f"{_an_image(r) * _images(r):.3g} s"),
            ("accuracy", lambda r: f"{r['accuracy']:.2%}" if "accuracy" in r else ""),
            ("evaluation keys", lambda r: megabytes(r["evaluation_key_bytes"])),
            ("peak memory of client and server", lambda r: gigabytes(r["peak_rss_bytes"])),
        ),
        found,
    )
    speed_up = _an_image(found[0]) / _an_image(found[1])
    exact = next(r for r in found if r.get("scheme") == "bfv")
    return (
        table(["`mnist`", *BATCHES.values()], rows, "lrrrr")
        + f"\nTwo threads are {speed_up:.2f} times as fast as one. With BFV, "
        + f"{exact['images_with_a_wrong_integer']} of {exact['images_compared']:,} images have a "
        + "logit that differs from the quantised network's.\n\n"
        + f"{found[0]['machine']['cpu']}, backend `{found[0]['backend']}`; {commits(found)}.\n\n"
        + commands(str(r["command"]) for r in found)
    )


def full_batches() -> str:
    """A full batch in each scheme, one image a slot."""
    found = [load(f"nn-bench-mnist-{scheme}-batched") for scheme in ("bfv", "ckks")]
    wrong = ("images_with_a_wrong_integer", "images_beyond_the_predicted_error")
    counts = [
        f"{result[name]} of {result['images_compared']:,}"
        for result, name in zip(found, wrong, strict=True)
    ]
    rows = [
        ["answers", "exactly the quantised network's integers", "within the predicted error"],
        ["images with another answer", *counts],
        *_rows(
            (
                ("ring degree, log2(QP)", _batched_parameters),
                ("accuracy: encrypted, cleartext network", _batched_accuracy),
                ("server, one thread, median", _batched_seconds),
                ("size of images, answers, evaluation keys", _batched_megabytes),
                ("peak memory, client and server", lambda r: f"{r['peak_rss_bytes'] / 1e9:.1f} GB"),
            ),
            found,
        ),
    ]
    head = ["MNIST", *(f"{r['scheme'].upper()}, {r['images']:,} images" for r in found)]
    return (
        table(head, rows, "lll")
        + f"\n{found[0]['machine']['cpu']}, backend `{found[0]['backend']}`; {commits(found)}.\n\n"
        + commands(str(result["command"]) for result in found)
    )


def _networks(results: Sequence[Result]) -> list[str]:
    return ["", *(f"`{result['network']}`" for result in results)]


def _rows(rows: Sequence[Row], results: Sequence[Result]) -> list[list[str]]:
    return [[title, *(cell(result) for result in results)] for title, cell in rows]


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


_COST: tuple[Row, ...] = (
    (
        "server time, one image, one thread",
        lambda result: f"{result['server_seconds_median']:.3f} s",
    ),
    ("client time, encrypt + decrypt", _client_time),
    ("evaluation keys", lambda result: megabytes(result["evaluation_key_bytes"])),
    ("encrypted image + encrypted answer", _traffic),
    (
        "peak memory, client and server in one process",
        lambda result: gigabytes(result["peak_rss_bytes"]),
    ),
    ("ring degree, log2(QP), security", _parameters),
)
_ANSWERS: tuple[Row, ...] = (
    ("encrypted logits within the predicted error", _within),
    ("correct classes, encrypted / cleartext", _right),
)
_ERRORS: tuple[Row, ...] = (
    ("largest error / predicted error", lambda result: f"{result['largest_ratio']:.3f}"),
    ("same class as in the clear, where the margin exceeds twice the predicted error", _same),
)


def _images(result: Result) -> int:
    return int(result["images"] if "images" in result else result["batch"])


def _an_image(result: Result) -> float:
    """Seconds; the median of a packed run is already that of one image."""
    median = float(result["server_seconds_median"])
    return median / _images(result) if result.get("layout") == "batched" else median


def _batched_parameters(result: Result) -> str:
    sets = result["parameters"]
    several = f", {len(sets)} plain moduli" if len(sets) > 1 else ""
    return f"{sets[0]['N']}, {sets[0]['log2_QP']:.0f} bits{several}"


def _batched_accuracy(result: Result) -> str:
    return f"{100 * result['accuracy']:.2f} %, {100 * result['accuracy_of_the_network']:.2f} %"


def _batched_seconds(result: Result) -> str:
    median = result["server_seconds_median"]
    return f"{median:.2f} s, {1e3 * median / result['images']:.3f} ms an image"


def _batched_megabytes(result: Result) -> str:
    names = ("encrypted_images_bytes", "encrypted_answers_bytes", "evaluation_key_bytes")
    return ", ".join(megabytes(result[name]) for name in names)
