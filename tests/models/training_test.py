"""Gradients, the training step, checkpoints."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny import OPTIONS, SETTINGS, make_cache

from recipe.bag_of_words import BagTask
from recipe.export import embed, load_model
from recipe.language_model import LanguageModel
from recipe.lstm import _ClippedLstm
from recipe.options import RecipeError
from recipe.sampled_softmax import LogUniformSampler, full_loss, sampled_loss
from recipe.sampled_softmax import SoftmaxSample
from recipe.settings import TrainSettings
from recipe.start_from import start_from, start_from_run
from recipe.token_cache import read_words
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
        lambda x, w, b, p: _ClippedLstm.apply(x, h, c, w, b, p, clip, clip,
                                              torch.double)[0],
        inputs)


def test_gradient_with_bfloat16_factors_is_that_of_float32_to_a_few_percent():
    make = torch.Generator().manual_seed(1)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=make)

    h, c, x = random(8, 16), random(8, 32), random(10, 8, 16)
    parameters = [(random(32, 128) / 4).requires_grad_(),
                  random(128).requires_grad_(),
                  (random(32, 16) / 4).requires_grad_()]

    def gradients(factors: torch.dtype) -> list[torch.Tensor]:
        out = _ClippedLstm.apply(x, h, c, *parameters, 3.0, 3.0, factors)[0]
        return torch.autograd.grad(out.square().sum(), parameters)

    for got, want in zip(gradients(torch.bfloat16), gradients(torch.float32)):
        error = (got - want).norm() / want.norm()
        assert 0 < error < 0.03  # 2^-8 a product, over ten steps.


def _write_package(trainer: Trainer, folder: Path) -> None:
    """The tensors of a package, in its names and layouts (docs/model-package.md)."""
    folder.mkdir()
    (folder / "options.json").write_text(
        json.dumps(trainer.model.options.to_json()))
    cnn, tensors = trainer.model.char_cnn, {}
    tensors["char_cnn.embedding"] = cnn.embedding
    for k, (weight, bias) in enumerate(zip(cnn.weights, cnn.biases)):
        tensors[f"char_cnn.convolution.{k}.weight"] = weight.permute(2, 1, 0)
        tensors[f"char_cnn.convolution.{k}.bias"] = bias
    for k in range(len(cnn.carry)):
        tensors[f"highway.{k}.carry.weight"] = cnn.carry[k]
        tensors[f"highway.{k}.carry.bias"] = cnn.carry_bias[k]
        tensors[f"highway.{k}.transform.weight"] = cnn.transform[k]
        tensors[f"highway.{k}.transform.bias"] = cnn.transform_bias[k]
    tensors["projection.weight"] = cnn.projection
    tensors["projection.bias"] = cnn.projection_bias
    for name, stack in zip(("forward", "backward"), trainer.model.directions):
        for layer in range(trainer.model.options.layers):
            cell = f"lstm.{name}.{layer}"
            tensors[f"{cell}.weight"] = stack.weights[layer]
            tensors[f"{cell}.bias"] = stack.biases[layer]
            tensors[f"{cell}.projection"] = stack.projections[layer]
    save_file({n: t.detach().contiguous().clone() for n, t in tensors.items()},
              folder / "model.safetensors")


def test_model_with_more_cells_begins_by_computing_what_the_package_does(
        tmp_path: Path):
    old = new_trainer(tmp_path / "old")
    old.train()
    _write_package(old, tmp_path / "package")
    wider = LanguageModel(replace(OPTIONS, cell_dim=20), 60, seed=9)
    start_from(wider, tmp_path / "package")
    for words in (["the", "river"], ["naïve", "bank", "of", "1901"]):
        assert np.abs(embed(wider, words)
                      - embed(old.model, words)).max() < 1e-5


def test_run_without_its_text_is_named(tmp_path: Path):
    new_trainer(tmp_path / "old").save()
    (tmp_path / "old/text/words.txt").unlink()
    with pytest.raises(RecipeError, match="words.txt: No such file"):
        start_from_run(LanguageModel(OPTIONS, 22, seed=9), [],
                       tmp_path / "old")


@pytest.mark.parametrize("source", ["package", "old"])
def test_wider_model_begins_by_computing_the_old_one_in_its_first_columns(
        source: str, tmp_path: Path):
    old = new_trainer(tmp_path / "old")
    old.train()
    _write_package(old, tmp_path / "package")
    words = read_words(tmp_path / "old/text")
    wide = LanguageModel(
        replace(OPTIONS, cell_dim=20, projection_dim=8,
                filters=((1, 4), (2, 7), (5, 3), (3, 9), (4, 2))),
        old.model.vocabulary, seed=9)
    if source == "package":
        start_from(wide, tmp_path / source)
    else:
        start_from_run(wide, words, tmp_path / source)
        assert torch.equal(wide.softmax_weight[:, :6],
                           old.model.softmax_weight)
        assert torch.all(wide.softmax_weight[:, 6:] == 0)
    for sentence in (["the", "river"], ["naïve", "bank", "of", "1901"]):
        new = embed(wide, sentence).reshape(3, -1, 2, 8)
        want = embed(old.model, sentence).reshape(3, -1, 2, 6)
        assert np.abs(new[..., :6] - want).max() < 1e-5
        assert np.abs(new[..., 6:]).max() > 1e-3


def test_run_begins_with_an_earlier_run_whose_words_have_other_ids(
        tmp_path: Path):
    old = new_trainer(tmp_path / "old")
    old.train()
    old_words = read_words(tmp_path / "old/text")
    words = [*old_words[:3], "new", *reversed(old_words[3:-1])]
    model = LanguageModel(OPTIONS, len(words), seed=9)
    start_from_run(model, words, tmp_path / "old")
    sentence = ["the", "river"]
    assert np.array_equal(embed(model, sentence), embed(old.model, sentence))
    for name in ("softmax_weight", "softmax_bias"):
        ours, theirs = getattr(model, name), getattr(old.model, name)
        for word in ("<S>", "river", "bank"):
            assert torch.equal(ours[words.index(word)],
                               theirs[old_words.index(word)])


def test_package_of_other_dimensions_is_refused(tmp_path: Path):
    old = new_trainer(tmp_path / "old")
    _write_package(old, tmp_path / "package")
    for other in (replace(OPTIONS, cell_dim=8), replace(OPTIONS, layers=1),
                  replace(OPTIONS, filters=((1, 4), (2, 3), (3, 9))),
                  replace(OPTIONS, filters=((3, 6), (2, 4), (1, 4)))):
        with pytest.raises(RecipeError, match="other dimensions"):
            start_from(LanguageModel(other, 60, seed=9), tmp_path / "package")
    (tmp_path / "package/model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(RecipeError, match="model.safetensors"):
        start_from(LanguageModel(OPTIONS, 60, seed=9), tmp_path / "package")


def test_softmax_learns_alone_at_first(tmp_path: Path):
    trainer = new_trainer(tmp_path, softmax_first=0.5)
    before = [p.clone() for p in trainer.model.dense_parameters()]
    softmax = trainer.model.softmax_weight.clone()
    for _ in range(3):
        trainer._step()
    assert all(torch.equal(a, b) for a, b in zip(
        before, trainer.model.dense_parameters()))
    assert not torch.equal(softmax, trainer.model.softmax_weight)
    trainer._step()
    assert not torch.equal(before[0], trainer.model.dense_parameters()[0])


def test_sampling_every_word_gives_the_full_loss():
    make = torch.Generator().manual_seed(1)
    hidden, weight = (torch.randn(n, 5, generator=make) for n in (7, 20))
    bias = torch.randn(20, generator=make)
    targets = torch.arange(7) * 2
    sample = SoftmaxSample(torch.arange(20), torch.arange(20), torch.zeros(20))
    assert sampled_loss(hidden, targets, weight, bias, sample).item() * 7 == \
        pytest.approx(full_loss(hidden, targets, weight, bias), rel=1e-5)


def _bag_task(words: int) -> tuple[BagTask, torch.Tensor]:
    """A task over 9 words, the first three of them marks, and its softmax."""
    make = torch.Generator().manual_seed(1)
    softmax = torch.randn(9, 4, generator=make)
    task = BagTask(words, 1.0, np.array(
        [0.1, 0.1, 0.1, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02]), specials=3)
    task.take_word_vectors(softmax)
    return task, softmax


def test_context_vector_is_the_weighted_sum_of_the_words_before():
    words, steps, batch = 3, 5, 2
    task, _ = _bag_task(words)
    ids = torch.randint(9, (words + steps, batch),
                        generator=torch.Generator().manual_seed(2))
    got = task.context_vectors(ids)
    assert got.shape == (3, batch, 2)
    near = {1: 1.0, 2: 2 / 3, 3: 1 / 3}
    norm = sum(v * v for v in near.values()) ** 0.5
    for n, t in enumerate(range(0, steps, 2)):
        for b in range(batch):
            want = sum(near[k] * task.word_vectors[ids[words + t - k, b]]
                       for k in (1, 2, 3))
            assert torch.allclose(got[n, b], want / norm, atol=1e-6)


def test_word_vectors_are_white_and_weighted_and_marks_have_none():
    task, _ = _bag_task(3)
    frequencies = torch.tensor([0.3, 0.2, 0.1, 0.05, 0.03, 0.02]).double()
    weights = 0.01 / (0.01 + frequencies)
    assert torch.all(task.word_vectors[:3] == 0)
    white = task.word_vectors[3:].double() / weights.unsqueeze(1)
    share = (frequencies * weights / (frequencies * weights).sum()).unsqueeze(1)
    assert torch.allclose((white * share).sum(0), torch.zeros(2).double(),
                          atol=1e-5)
    assert torch.allclose(white.t() @ (white * share), torch.eye(2).double(),
                          atol=1e-3)


def test_word_vectors_made_again_stay_near_those_before():
    task, softmax = _bag_task(3)
    before = task.word_vectors
    turn = torch.linalg.qr(torch.randn(
        4, 4, generator=torch.Generator().manual_seed(3)))[0]
    task.take_word_vectors(softmax @ turn)
    assert torch.allclose(task.word_vectors, before, atol=1e-4)


def test_second_task_alone_is_learnt(tmp_path: Path):
    trainer = new_trainer(tmp_path, steps=200, bag_share=100.0)
    first = np.mean([trainer._step()[2:] for _ in range(5)], axis=0)
    trainer.train()
    last = np.mean([trainer._step()[2:] for _ in range(5)], axis=0)
    assert len(last) == 3  # A word's own vector, the words before, twice.
    assert np.all(last < 0.8 * first)


def test_sampler_draws_each_word_as_often_as_it_says():
    sampler = LogUniformSampler(50, 30)
    random = np.random.default_rng(1)
    counts = np.zeros(50)
    for _ in range(4000):
        counts[sampler.draw(random)] += 1
    expected = sampler.log_expected(torch.arange(50)).exp().numpy()
    assert counts / 4000 == pytest.approx(expected, abs=0.04)


def test_training_lowers_the_loss(tmp_path: Path):
    trainer = new_trainer(tmp_path, steps=200)
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


def test_checkpoint_without_a_tensor_of_ours_is_refused(tmp_path: Path):
    trainer = new_trainer(tmp_path)
    trainer.save()
    saved = torch.load(trainer.checkpoint_path, weights_only=True)
    del saved["model"]["word_map"]
    torch.save(saved, trainer.checkpoint_path)
    for read in (new_trainer(tmp_path).resume,
                 lambda: load_model(trainer.checkpoint_path)):
        with pytest.raises(RecipeError, match="another version of this recipe"):
            read()


def test_damaged_checkpoint_is_named(tmp_path: Path):
    trainer = new_trainer(tmp_path)
    trainer.checkpoint_path.write_bytes(b"not a checkpoint")
    with pytest.raises(RecipeError, match="checkpoint.pt: not a checkpoint"):
        trainer.resume()


def test_learning_rate_rises_stays_and_falls():
    s = TrainSettings(learning_rate=1.0, warmup=0.1, decay=0.5)
    rates = [s.learning_rate_at(p) for p in (0, 0.05, 0.3, 0.75, 1)]
    assert rates == pytest.approx([0.001, 0.501, 1, 0.5, 0])
