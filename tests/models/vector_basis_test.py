"""A change of basis leaves the language model as it was."""

from pathlib import Path

import numpy as np
import torch
from tiny import OPTIONS
from training_test import new_trainer

from recipe.export import embed
from recipe.vector_basis import change_basis, half_of_map, share_map


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
    expected = (left * torch.tensor([1, 0.5, 0.25, 0.1, 0.09])) @ left.t()
    assert torch.allclose(half @ half, expected, atol=1e-7)


def test_shared_map_leaves_vectors_in_the_range_of_the_clip(tmp_path: Path):
    trainer = new_trainer(tmp_path, steps=40)
    trainer.train()
    sentences = [["the", "river"], ["naïve", "bank", "of", "1901"]] * 3

    def top() -> np.ndarray:
        return np.concatenate([embed(trainer.model, s)[-1] for s in sentences])

    share_map(trainer.model, top())
    for half in np.split(top(), 2, axis=1):
        assert abs(half.std(ddof=1) - 0.85) < 0.05  # The clip.
