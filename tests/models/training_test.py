"""Gradients, the training step, checkpoints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import OPTIONS, SETTINGS, make_cache

from recipe.lstm import _ClippedLstm
from recipe.options import RecipeError
from recipe.sampled_softmax import LogUniformSampler, full_loss, sampled_loss
from recipe.sampled_softmax import SoftmaxSample
from recipe.settings import TrainSettings
from recipe.trainer import Trainer


def quiet(line: str) -> None:
    pass


def new_trainer(folder: Path, **changes: object) -> Trainer:
    values = {**SETTINGS.__dict__, **changes}
    cache = make_cache(folder / "text")
    return Trainer(OPTIONS, TrainSettings(**values), cache, folder, quiet)


@pytest.mark.parametrize("clip", [3.0, 0.3])
def test_written_gradient_of_the_lstm_is_the_numerical_one(clip: float):
    make = torch.Generator().manual_seed(1)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.double, generator=make)

    h, c = random(2, 3), random(2, 4).clamp(-clip, clip)
    inputs = [t.requires_grad_() for t in (
        random(3, 2, 3), random(6, 16), random(16), random(4, 3))]
    assert torch.autograd.gradcheck(
        lambda x, w, b, p: _ClippedLstm.apply(x, h, c, w, b, p, clip, clip)[0],
        inputs)


def test_sampling_every_word_gives_the_full_loss():
    make = torch.Generator().manual_seed(1)
    hidden, weight = (torch.randn(n, 5, generator=make) for n in (7, 20))
    bias = torch.randn(20, generator=make)
    targets = torch.arange(7) * 2
    sample = SoftmaxSample(torch.arange(20), torch.arange(20), torch.zeros(20))
    assert sampled_loss(hidden, targets, weight, bias, sample).item() * 7 == \
        pytest.approx(full_loss(hidden, targets, weight, bias), rel=1e-5)


def test_sampler_draws_each_word_as_often_as_it_says():
    sampler = LogUniformSampler(50, 30)
    random = np.random.default_rng(1)
    counts = np.zeros(50)
    for _ in range(4000):
        counts[sampler.draw(random)] += 1
    expected = sampler.log_expected(torch.arange(50)).exp().numpy()
    assert counts / 4000 == pytest.approx(expected, abs=0.04)


def test_training_lowers_the_loss(tmp_path: Path):
    trainer = new_trainer(tmp_path, steps=40)
    before = trainer.evaluate()["books"]
    trainer.train()
    after = trainer.evaluate()["books"]
    assert np.all(np.array(after) < 0.8 * np.array(before))


def test_resumed_run_equals_the_uninterrupted_one(tmp_path: Path):
    whole = new_trainer(tmp_path / "a")
    whole.train()
    first = new_trainer(tmp_path / "b")
    for _ in range(3):
        first._step()
    first.save()
    second = new_trainer(tmp_path / "b")
    assert second.resume() and second.step == 3
    second.train()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_checkpoint_of_other_settings_is_refused(tmp_path: Path):
    new_trainer(tmp_path).save()
    with pytest.raises(RecipeError, match="batch .4 there, 2 here"):
        new_trainer(tmp_path, batch=2).resume()


def test_damaged_checkpoint_is_named(tmp_path: Path):
    trainer = new_trainer(tmp_path)
    trainer.checkpoint_path.write_bytes(b"not a checkpoint")
    with pytest.raises(RecipeError, match="checkpoint.pt: not a checkpoint"):
        trainer.resume()


def test_learning_rate_rises_stays_and_falls():
    s = TrainSettings(learning_rate=1.0, warmup=0.1, decay=0.5)
    rates = [s.learning_rate_at(p) for p in (0, 0.05, 0.3, 0.75, 1)]
    assert rates == pytest.approx([0.001, 0.501, 1, 0.5, 0])
