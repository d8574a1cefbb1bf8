"""Layer 0: characters -> convolutions -> highways -> projection."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipe.options import MAX_CHARACTERS, ModelOptions


class CharCnn(nn.Module):
    """Character ids [words, 50] -> token vectors [words, P].

    Parameters keep the layouts of the published weight files, except that a
    convolution is [count, d, width] here.
    """

    def __init__(self, options: ModelOptions, generator: torch.Generator):
        super().__init__()

        def normal(*shape: int, std: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=generator) * std)

        d, total = options.character_dim, options.num_filters
        # Row k is the character id k + 1.
        self.embedding = normal(261, d, std=1.0)
        self.weights = nn.ParameterList(
            normal(count, d, width, std=(width * d) ** -0.5)
            for width, count in options.filters)
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(count)) for _, count in options.filters)
        self.carry = nn.ParameterList(
            normal(total, total, std=total ** -0.5)
            for _ in range(options.highways))
        # "Carry" gates the transform: -2 starts close to the identity.
        self.carry_bias = nn.ParameterList(
            nn.Parameter(torch.full((total,), -2.0))
            for _ in range(options.highways))
        self.transform = nn.ParameterList(
            normal(total, total, std=total ** -0.5)
            for _ in range(options.highways))
        self.transform_bias = nn.ParameterList(
            nn.Parameter(torch.zeros(total)) for _ in range(options.highways))
        self.projection = normal(total, options.projection_dim,
                                 std=total ** -0.5)
        self.projection_bias = nn.Parameter(torch.zeros(options.projection_dim))
        self._max_width = max(width for width, _ in options.filters)

    def forward(self, ids: Tensor) -> Tensor:
        """ids: int64 [words, n], padded with 261 and cut by `trim`."""
        x = F.embedding(ids - 1, self.embedding)
        e = torch.cat([
            F.relu(_convolve_and_max(x, weight, bias))
            for weight, bias in zip(self.weights, self.biases)], dim=1)
        for k in range(len(self.carry)):
            gate = torch.sigmoid(
                torch.addmm(self.carry_bias[k], e, self.carry[k]))
            transform = F.relu(
                torch.addmm(self.transform_bias[k], e, self.transform[k]))
            e = e + gate * (transform - e)
        return torch.addmm(self.projection_bias, e, self.projection)

    def columns_needed(self, longest: int) -> int:
        """Columns of ids that give the result of all 50: every window beyond
        one that holds only padding would repeat that window's value."""
        return min(MAX_CHARACTERS, longest + self._max_width)


def _convolve_and_max(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x [words, n, d] -> the largest value of each filter [words, count].

    One matrix product over all windows: on a CPU several times faster than
    conv1d for so few channels.
    """
    count, d, width = weight.shape
    windows = x.unfold(1, width, 1)  # [words, n - width + 1, d, width]
    y = windows.reshape(-1, d * width) @ weight.view(count, -1).t()
    return y.view(len(x), -1, count).amax(dim=1) + bias
