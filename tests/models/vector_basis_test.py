"""A change of basis leaves the language model as it was."""

from pathlib import Path

import numpy as np
import torch
from tiny import OPTIONS
from training_test import new_trainer

from recipe.export import embed
from recipe.vector_basis import change_basis, half_of_map


def test_every_lstm_layer_is_multiplied_by_its_directions_basis(tmp_path: Path):
    trainer = new_trainer(tmp_path)
    trainer.train()
    sentences = (["the", "river"], ["naïve", "bank", "of", "1901"])
    before = [embed(trainer.model, s) for s in sentences]
    make = torch.Generator().manual_seed(1)
    p = OPTIONS.projection_dim
    bases = [torch.eye(p) + 0.3 * torch.randn(p, p, generator=make)
             for _ in range(2)]
    change_basis(trainer.model, bases)
    both = torch.block_diag(*bases).numpy()
    for sentence, old in zip(sentences, before):
        new = embed(trainer.model, sentence)
        assert np.array_equal(new[0], old[0])
        assert np.abs(new[1:] - old[1:] @ both).max() < 1e-5


def test_half_of_a_map_twice_is_the_map_but_for_rotation_and_scale():
    make = torch.Generator().manual_seed(1)

    def rotation(size: int) -> torch.Tensor:
        return torch.linalg.qr(torch.randn(
            size, size, generator=make, dtype=torch.double))[0]

    left, values = rotation(5), torch.tensor([4.0, 2.0, 1.0, 0.4]).double()
    half = half_of_map((left[:, :4] * values) @ rotation(4))
    expected = (left * torch.tensor([1, 0.5, 0.25, 0.1, 0.01])) @ left.t()
    assert torch.allclose(half @ half, expected, atol=1e-8)
