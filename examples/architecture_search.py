"""Twenty networks, ranked by accuracy and by what their encrypted runs cost on an accelerator.

    pip install '.[torch]'
    python examples/architecture_search.py
"""

import itertools
import sys
from pathlib import Path

import torch

import nn
from benchmarks.commands.results_file import provenance, write_result
from benchmarks.operations.hardware_cost import hardware_cost
from nn.frontend.pytorch import PolynomialActivation

SIZES = list(itertools.product((2, 4, 8, 12, 16), (2, 3), (0, 32)))


def module_of(channels: int, stride: int, hidden: int) -> torch.nn.Sequential:
    """For images of 28 x 28 pixels; hidden is the width of a hidden layer, or 0 for none."""
    features = channels * (27 // stride + 1) ** 2
    layers = [torch.nn.Conv2d(1, channels, 5, stride, padding=2), torch.nn.BatchNorm2d(channels),
              PolynomialActivation(channels=channels), torch.nn.Flatten()]  # fmt: skip
    if hidden:
        layers += [torch.nn.Linear(features, hidden), torch.nn.BatchNorm1d(hidden),
                   PolynomialActivation(channels=hidden)]  # fmt: skip
    return torch.nn.Sequential(*layers, torch.nn.Linear(hidden or features, 10))


def main(count: str = "20", images: str = "8000", file: str = "") -> None:
    """Train on the first of 10,000 images, judge on the last 2,000, estimate; slowest last."""
    x, y = nn.zoo.test_images("fashion_mnist")
    known, labels, rows = x[: int(images)], torch.tensor(y[: int(images)]), []
    for size in SIZES[: int(count)]:
        torch.manual_seed(1)
        module = module_of(*size)
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.005)
        for batch in [b for _ in range(3) for b in torch.randperm(len(known)).split(200)]:
            optimizer.zero_grad()
            answers = module(torch.tensor(known[batch]))
            torch.nn.functional.cross_entropy(answers, labels[batch]).backward()
            optimizer.step()
        network = nn.from_torch(module.eval(), x[:8], f"{size}", input_range=(0, 1))
        right = (network(x[-2000:]).argmax(axis=1) == y[-2000:]).mean()
        cost = hardware_cost(network.calibrated(known), "asic7")
        rows.append({"accuracy": float(right), **vars(cost)})
    for row in sorted(rows, key=lambda row: row["time_s"]):
        right, time_s = row["accuracy"], row["time_s"]
        beaten = any(r["accuracy"] >= right and r["time_s"] < time_s for r in rows)
        print(f"{'beaten' if beaten else 'best':<7}{row['network']:<12}{right:6.1%}",
              f"{time_s * 1e6:5.0f} us, {row['energy_j'] * 1e6:5.0f} uJ, {row['area']:.0f} mm2")
    if file:
        write_result({**provenance(" ".join(["python", *sys.argv])), "rows": rows}, Path(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
