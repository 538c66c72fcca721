"""The demonstration's picture: images, what the server saw of them, answers, errors, times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from he.format.files import check_writable, replaced_file
from nn.cli.demonstration import SHALLOW_STAGES, Demonstration
from nn.errors import NetworkError
from ntt.terminal import drawable

COLUMNS = 8
MOST_IMAGES = 32
"""At most so many images are drawn; the plots of errors cover all images."""

_INK, _FAINT = "#22303c", "#8a97a3"
_RIGHT, _WRONG, _BAR, _DOT = "#1b7f5c", "#c8312b", "#3567a8", "#3567a8"


class PictureError(NetworkError):
    """The picture cannot be written to the path that was asked for."""


def check_output(path: Path) -> None:
    """Raise `PictureError` unless a PNG, PDF or SVG can be written to `path`."""
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise PictureError(f"--output {path}: a name that ends in .png, .pdf or .svg is needed")
    try:
        check_writable(path)
    except OSError as error:
        raise PictureError(f"--output {path} cannot be written: {error.strerror}") from error


def draw(shown: Demonstration, path: Path) -> None:
    """Write the picture of a demonstration to `path`."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "font.size": 9,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _FAINT,
        "xtick.color": _INK,
        "ytick.color": _INK,
    }
    drawn = min(len(shown.data), MOST_IMAGES)
    rows = -(-drawn // COLUMNS)
    with rc_context(style):
        figure = Figure(figsize=(12, 4.6 + 2.75 * rows), facecolor="white")
        FigureCanvasAgg(figure)
        parts: Any = figure.subfigures(2, 1, height_ratios=[2.75 * rows + 0.7, 3.9])
        upper, lower = parts
        _draw_images(upper, shown, drawn)
        left, middle, right = lower.subplots(1, 3, width_ratios=[1, 1, 1.15])
        lower.subplots_adjust(left=0.06, right=0.97, top=0.86, bottom=0.17, wspace=0.34)
        _draw_logits(left, shown)
        _draw_errors(middle, shown)
        if len(shown.profile) > SHALLOW_STAGES:
            _draw_way(right, shown)
        else:
            _draw_times(right, shown)
        with replaced_file(path, "wb") as file:
            figure.savefig(file, format=path.suffix[1:].lower(), dpi=130)


def _draw_images(figure: Any, shown: Demonstration, drawn: int) -> None:
    """A title, then pairs of rows: the client's images above what the server holds of them."""
    height_in = figure.bbox.height / figure.dpi
    _draw_title(figure, shown, height_in)
    rows = -(-drawn // COLUMNS)
    grid = figure.add_gridspec(
        3 * rows,
        COLUMNS,
        height_ratios=[1, 1, 0.42] * rows,  # the third row of each is left for the answers
        left=0.06,
        right=0.97,
        top=1 - 0.95 / height_in,
        bottom=0.0,
        hspace=0.08,
        wspace=0.12,
    )
    for index in range(drawn):
        row, column = divmod(index, COLUMNS)
        image = figure.add_subplot(grid[3 * row, column])
        cipher = figure.add_subplot(grid[3 * row + 1, column])
        _draw_input(image, shown.data.images[index])
        _show(cipher, _as_noise(shown.residues[index], shown.plan.params.q[0]))
        _label(image, cipher, shown, index)
        if column == 0:
            image.set_ylabel("the client's\nimage", fontsize=8, color=_FAINT)
            cipher.set_ylabel("what the\nserver gets", fontsize=8, color=_FAINT)


def _draw_title(figure: Any, shown: Demonstration, height_in: float) -> None:
    count = len(shown.data)
    right = int(np.count_nonzero(shown.encrypted.argmax(axis=1) == shown.data.labels))
    seconds = sum(stage.seconds for stage in shown.profile) / count
    params = shown.plan.params
    images, them = ("image", "it") if count == 1 else ("images", "them")
    title = f"{count} {images} classified by a server that cannot see {them}"
    facts = (
        f"{drawable(shown.plan.network)}: {right} of {count} right, {seconds:.3f} s an image; "
        f"CKKS, N = {params.N}, {params.security_estimate}-bit security"
    )
    top = 1 - 0.1 / height_in
    figure.text(0.06, top, title, fontsize=15, fontweight="bold", va="top")
    figure.text(0.06, top - 0.38 / height_in, facts, color=_FAINT, va="top")


def _label(image: Any, cipher: Any, shown: Demonstration, index: int) -> None:
    """Write the answer under a pair; a wrong answer is red and framed, with the true class."""
    answer, label = int(shown.encrypted[index].argmax()), int(shown.data.labels[index])
    name = shown.names[answer]
    if answer == label:
        cipher.set_xlabel(name, color=_RIGHT, fontsize=11, fontweight="bold", labelpad=3)
        return
    truth = shown.names[label] if 0 <= label < len(shown.names) else str(label)
    text = f"{name}\nis: {truth}"
    cipher.set_xlabel(text, color=_WRONG, fontsize=9, fontweight="bold", labelpad=3)
    for axes in (image, cipher):
        for spine in axes.spines.values():
            spine.set(edgecolor=_WRONG, linewidth=2.5)


def _show(axes: Any, picture: Any) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_input(axes: Any, image: np.ndarray) -> None:
    """A picture, or a line for each channel of a signal, or bars for the values of a vector."""
    if image.ndim == 3:
        _show(axes, _as_picture(image))
    elif image.ndim == 1:
        axes.bar(np.arange(image.size), image, color=_BAR, width=0.9)
    else:
        axes.plot(image.T, linewidth=1)
    axes.set_xticks([])
    axes.set_yticks([])


def _as_picture(image: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) in [0, 1] from an image of any number of channels."""
    low, high = float(image.min()), float(image.max())
    scaled = (image - low) / (high - low or 1.0)
    return np.moveaxis(scaled, 0, 2) if scaled.shape[0] == 3 else scaled[0]


def _as_noise(residues: np.ndarray, modulus: int) -> np.ndarray:
    """The residues as the brightness of a square."""
    side = int(np.sqrt(residues.size))
    return residues[: side * side].reshape(side, side) / modulus


def _draw_logits(axes: Any, shown: Demonstration) -> None:
    low, high = float(shown.cleartext.min()), float(shown.cleartext.max())
    axes.plot([low, high], [low, high], color=_FAINT, linewidth=1, zorder=1)
    axes.scatter(shown.cleartext, shown.encrypted, s=12, color=_DOT, alpha=0.6, linewidths=0)
    axes.set(xlabel="cleartext logit", ylabel="encrypted logit")
    worst = min(shown.bits)
    axes.set_title(f"{shown.cleartext.size} logits, {worst:.1f} bits or better", loc="left")
    _plain(axes)


def _draw_errors(axes: Any, shown: Demonstration) -> None:
    """The distribution of each logit's error / predicted bound."""
    errors = np.abs(shown.encrypted - shown.cleartext)
    ratio = np.sort((errors / shown.plan.predicted_error).ravel())
    share = np.arange(1, ratio.size + 1) / ratio.size
    axes.plot(np.maximum(ratio, 1e-6), share, color=_DOT, linewidth=2)
    axes.axvline(1.0, color=_WRONG, linewidth=1.5, linestyle="--")
    axes.annotate(
        "predicted bound ",
        (1.0, 0.06),
        xycoords=("data", "axes fraction"),
        ha="right",
        color=_WRONG,
        fontsize=8,
    )
    axes.set_xscale("log")
    axes.set(xlabel="error / predicted bound", ylabel="share of logits", ylim=(0, 1.02))
    axes.set_title(f"largest error: {ratio[-1]:.2g} of its bound", loc="left")
    _plain(axes)


def _draw_times(axes: Any, shown: Demonstration) -> None:
    count = len(shown.data)
    milliseconds = [1000 * stage.seconds / count for stage in shown.profile]
    places = np.arange(len(milliseconds))
    axes.barh(places, milliseconds, color=_BAR, height=0.62)
    labels = [
        f"{drawable(stage.name)}\nlevel {planned.level_in} to {planned.level_out}"
        for stage, planned in zip(shown.profile, shown.plan.stages, strict=True)
    ]
    axes.set_yticks(places, labels, fontsize=8)
    axes.invert_yaxis()
    for place, value in zip(places, milliseconds, strict=True):
        axes.annotate(
            f"{value:.1f}",
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set(xlabel="milliseconds an image", xlim=(0, 1.15 * max(milliseconds)))
    axes.set_title(f"{sum(milliseconds):.0f} ms an image on the server", loc="left")
    _plain(axes)


def _draw_way(axes: Any, shown: Demonstration) -> None:
    """The level of each stage against the server's time: the way through the levels."""
    count = len(shown.data)
    ends = np.cumsum([stage.seconds / count for stage in shown.profile])
    levels = [stage.level_in for stage in shown.plan.stages]
    edges, heights = [0.0, *ends], [*levels, shown.profile[-1].level]
    axes.step(edges, heights, where="post", color=_BAR, linewidth=1.5)
    axes.fill_between(edges, heights, step="post", color=_BAR, alpha=0.15)
    axes.set(xlabel="seconds an image", ylabel="level", xlim=(0, ends[-1]), ylim=(0, None))
    axes.set_title(
        f"{len(levels)} stages through {shown.plan.depth} levels, {ends[-1]:.1f} s an image",
        loc="left",
    )
    _plain(axes)


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
