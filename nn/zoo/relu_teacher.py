"""A trained ResNet-20 with ReLU, from which the zoo's residual network learns.

Importing this file imports torch.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from he.format.archive import ArchiveError, read_arrays
from nn.errors import ZooError
from nn.zoo.residual_network import BLOCKS, EPSILON, ResNet20

MEAN = (0.4914, 0.4822, 0.4465)
DEVIATION = (0.2023, 0.1994, 0.2010)
"""What the teacher subtracts from pixels / 255, and what it divides by."""


class ReluTeacher(nn.Module):
    """A trained ResNet-20 with ReLU, whose logits the zoo's network imitates while it trains.

    arrays: weights by the names of AutoFHE's published file (``layer1_0_conv1_weight``, ..), batch
    normalisation beside each convolution; it is folded here.
    """

    mean: Tensor
    deviation: Tensor
    fc_weight: Tensor
    fc_bias: Tensor

    def __init__(self, arrays: dict[str, Tensor]) -> None:
        super().__init__()
        names = [("conv1", "bn1")] + [
            (f"layer{g}_{b}_conv{k}", f"layer{g}_{b}_bn{k}")
            for g in (1, 2, 3)
            for b in range(BLOCKS)
            for k in (1, 2)
        ]
        for index, (conv, norm) in enumerate(names):
            scale = arrays[f"{norm}_weight"] * (arrays[f"{norm}_running_var"] + EPSILON).rsqrt()
            shift = arrays[f"{norm}_bias"] - scale * arrays[f"{norm}_running_mean"]
            weight = arrays[f"{conv}_weight"] * scale[:, None, None, None]
            self.register_buffer(
                f"weight{index}", weight.contiguous(memory_format=torch.channels_last)
            )
            self.register_buffer(f"bias{index}", shift)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])
        self.register_buffer("fc_weight", arrays["linear_weight"])
        self.register_buffer("fc_bias", arrays["linear_bias"])

    @classmethod
    def read(cls, path: Path) -> ReluTeacher:
        """The teacher in an npz file; raises `ZooError` for a file that holds none."""
        try:
            arrays = read_arrays(path)
            tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
            teacher = cls(tensors).eval()
            teacher._check_shapes()
            return teacher
        except (OSError, ArchiveError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ZooError(
                f"{path} holds no ResNet-20 with ReLU under AutoFHE's names ({error})"
            ) from error

    def _check_shapes(self) -> None:
        """Raise `ValueError` unless the weights are those of a `ResNet20`."""
        model = ResNet20()
        pairs = [("fc_weight", model.fc.weight), ("fc_bias", model.fc.bias)]
        for index, (conv, _) in enumerate(model.layers()):
            assert conv.bias is not None
            pairs += [(f"weight{index}", conv.weight), (f"bias{index}", conv.bias)]
        for name, wanted in pairs:
            found = getattr(self, name)
            if found.shape != wanted.shape:
                raise ValueError(f"{name} {tuple(found.shape)} is not {tuple(wanted.shape)}")

    def _conv(self, x: Tensor, index: int, stride: int = 1) -> Tensor:
        weight, bias = getattr(self, f"weight{index}"), getattr(self, f"bias{index}")
        return functional.conv2d(x, weight, bias, stride, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Ten logits of pixels / 255."""
        return self.with_features(x)[0]

    def with_features(
        self, x: Tensor, before: list[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The logits, and the values after each group; values before each ReLU go to `before`."""

        def relu(x: Tensor) -> Tensor:
            if before is None:
                return x.relu_()
            before.append(x)
            return x.relu()

        features = []
        x = relu(self._conv((x - self.mean) / self.deviation, 0))
        for block in range(3 * BLOCKS):
            stride = 2 if block in (BLOCKS, 2 * BLOCKS) else 1
            y = relu(self._conv(x, 2 * block + 1, stride))
            y = self._conv(y, 2 * block + 2)
            if stride == 2:
                added = (y.shape[1] - x.shape[1]) // 2
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, added, added))
            x = relu(y + x)
            if block % BLOCKS == BLOCKS - 1:
                features.append(x)
        return functional.linear(x.mean((2, 3)), self.fc_weight, self.fc_bias), features

    def start(self, student: ResNet20, images: Tensor) -> None:
        """Give `student` these weights, and activations fitted to ReLU on `images`, in place."""
        before: list[Tensor] = []
        with torch.no_grad():
            self.with_features(images, before)
            for index, (conv, activation) in enumerate(student.layers()):
                conv.weight.copy_(getattr(self, f"weight{index}"))
                assert conv.bias is not None
                conv.bias.copy_(getattr(self, f"bias{index}"))
                activation.imitate_relu(before[index])
            student.conv.weight.mul_(student.deviation / self.deviation)
            student.fc.weight.copy_(self.fc_weight)
            student.fc.bias.copy_(self.fc_bias)
