"""The training loop: steps, schedule, progress, checkpoints."""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recipe.bag_of_words import BagTask
from recipe.batches import Streams
from recipe.language_model import LanguageModel
from recipe.options import ModelOptions, RecipeError
from recipe.sampled_softmax import LogUniformSampler, SoftmaxSample
from recipe.settings import TrainSettings
from recipe.stop_request import StopRequest
from recipe.token_cache import SPECIAL_WORDS, TokenCache

Log = Callable[[str], None]
# The second task's word vectors follow the softmax at every such step.
_WORD_VECTOR_STEPS = 1000


@dataclass
class Intervals:
    """Seconds between progress lines, evaluations and checkpoints."""

    progress: float = 30.0
    evaluation: float = 600.0
    checkpoint: float = 180.0


class HeldOut:
    """Measures perplexity on parts of each held-out text: streams that begin
    at even distances in it, so that every held-out book has a say."""

    def __init__(self, cache: TokenCache, tokens: int, streams: int = 16,
                 steps: int = 64):
        self._characters = cache.characters
        self._texts = {name: Streams(ids, streams, steps)
                       for name, ids in cache.held_out.items()
                       if len(ids) >= 2 * streams * steps}
        self._batch = streams
        self._chunks = max(1, tokens // (streams * steps))

    def perplexities(self, model: LanguageModel) -> dict[str, list[float]]:
        """By text: forward and backward, over the softmax vocabulary."""
        result = {}
        for name, streams in self._texts.items():
            states = model.zero_states(self._batch)
            loss, count = np.zeros(2), np.zeros(2)
            for number in range(min(self._chunks, streams.chunks)):
                losses, counts, states = model.evaluate(
                    streams.chunk(number), self._characters, states)
                loss += losses
                count += counts
            result[name] = [math.exp(x) for x in loss / count]
        return result


class Trainer:
    """Trains a LanguageModel on a TokenCache and keeps checkpoints."""

    def __init__(self, options: ModelOptions, settings: TrainSettings,
                 cache: TokenCache, folder: Path, log: Log,
                 intervals: Intervals | None = None, eval_tokens: int = 40_000):
        vocabulary = min(settings.vocabulary, len(cache.characters))
        self.model = LanguageModel(options, vocabulary, settings.seed,
                                   getattr(torch, settings.factors))
        self._settings = settings
        self._cache = cache
        self._folder = folder
        self._log = log
        self._intervals = intervals or Intervals()
        self._streams = Streams(cache.train, settings.batch, settings.unroll,
                                settings.bag_words)
        frequencies = np.bincount(
            cache.train, minlength=len(cache.characters)) / len(cache.train)
        self._bag = BagTask(settings.bag_words, settings.bag_share,
                            frequencies[:vocabulary], SPECIAL_WORDS)
        self._held_out = HeldOut(cache, eval_tokens)
        self._sampler = LogUniformSampler(vocabulary, settings.sample_tries)
        self._random = np.random.default_rng(settings.seed)
        # A run that goes on from another, with another seed, reads other text.
        self._first_chunk = int(self._random.integers(self._streams.chunks))
        self._states = self.model.zero_states(settings.batch)
        dense = self.model.dense_parameters()
        self._dense = torch.optim.Adam(dense, betas=(0.9, 0.98), fused=True)
        self._sparse = torch.optim.SparseAdam(
            [self.model.softmax_weight, self.model.softmax_bias],
            betas=(0.9, 0.98))
        self.step = 0
        self.seconds = 0.0
        self.curve: list[dict[str, Any]] = []

    @property
    def checkpoint_path(self) -> Path:
        return self._folder / "checkpoint.pt"

    @property
    def progress(self) -> float:
        """Share of the budget that is used."""
        s = self._settings
        used = self.step / s.steps if s.steps else self.seconds / 60 / s.minutes
        return min(1.0, used)

    def train(self) -> bool:
        """Runs to the end of the budget, True, or until Ctrl-C or SIGTERM,
        False. Either way the checkpoint is that of the last whole step."""
        parameters = sum(p.numel() for p in self.model.dense_parameters())
        with StopRequest() as stop:
            self._log(f"training {parameters:,} parameters and a softmax over "
                      f"{self.model.vocabulary:,} words on "
                      f"{len(self._cache.train):,} tokens")
            self._loop(stop)
            if stop.made:
                self._log(f"interrupted at step {self.step}; the same command "
                          "goes on from here")
            else:
                self.evaluate()
            self.save()
        return not stop.made

    def _loop(self, stop: StopRequest) -> None:
        last = time.monotonic()
        due = {"progress": self.seconds + 10, "evaluation": self.seconds,
               "checkpoint": self.seconds + self._intervals.checkpoint}
        due["evaluation"] += self._intervals.evaluation
        losses: list[list[float]] = []
        mark = (self.seconds, self.step)
        while self.progress < 1 and not stop.made:
            losses.append(self._step())
            now = time.monotonic()
            self.seconds += now - last
            last = now
            if self.seconds >= due["progress"]:
                self._report(losses, mark)
                losses, mark = [], (self.seconds, self.step)
                due["progress"] = self.seconds + self._intervals.progress
            if self.seconds >= due["evaluation"]:
                self.evaluate()
                due["evaluation"] = self.seconds + self._intervals.evaluation
                last = time.monotonic()  # Not charged to the budget.
            if self.seconds >= due["checkpoint"]:
                self.save()
                due["checkpoint"] = self.seconds + self._intervals.checkpoint

    def _step(self) -> list[float]:
        rate = self._settings.learning_rate_at(self.progress)
        for optimizer in (self._dense, self._sparse):
            optimizer.param_groups[0]["lr"] = max(rate, 1e-8)
        if self.step % _WORD_VECTOR_STEPS == 0:
            self._bag.take_word_vectors(self.model.softmax_weight)
        next_word, bag, self._states = self.model.train_step(
            self._streams.chunk(self._first_chunk + self.step),
            self._cache.characters,
            self._states, lambda targets: SoftmaxSample.draw(
                self._sampler, targets, self._random), self._bag)
        losses = [*next_word, *bag]
        if not all(map(math.isfinite, losses)):
            raise RecipeError(
                f"the loss is {losses} at step {self.step}: try a smaller "
                "--learning-rate from the start")
        torch.nn.utils.clip_grad_norm_(self.model.dense_parameters(),
                                       self._settings.clip_norm)
        if self.progress >= self._settings.softmax_first:
            self._dense.step()
        self._sparse.step()
        self.step += 1
        return losses

    def _report(self, losses: list[list[float]],
                mark: tuple[float, int]) -> None:
        s = self._settings
        per_step = (self.seconds - mark[0]) / max(1, self.step - mark[1])
        if s.steps:
            left = (s.steps - self.step) * per_step
        else:
            left = s.minutes * 60 - self.seconds
        forward, backward, own, *bag = np.mean(losses, axis=0)
        self._log(
            f"step {self.step}  {self.progress:6.1%}  "
            f"{self.step * s.batch * s.unroll / 1e6:.2f} M tokens  "
            f"{s.batch * s.unroll / per_step:,.0f} tokens/s  "
            f"sampled loss {forward:.3f} {backward:.3f}, "
            f"words before {bag[0]:.3f} {bag[1]:.3f}, own {own:.3f}  "
            f"{left / 60:.0f} min left")

    def evaluate(self) -> dict[str, list[float]]:
        """Logs held-out perplexity and adds it to the curve."""
        result = self._held_out.perplexities(self.model)
        for name, (forward, backward) in result.items():
            self._log(f"step {self.step}  held-out {name}: perplexity "
                      f"forward {forward:.1f}, backward {backward:.1f}")
        s = self._settings
        self.curve.append({
            "step": self.step, "minutes": round(self.seconds / 60, 2),
            "tokens": self.step * s.batch * s.unroll, "perplexity": result})
        (self._folder / "curve.json").write_text(
            json.dumps(self.curve, indent=1) + "\n")
        return result

    def save(self) -> None:
        """Writes the checkpoint in one piece: the old one stays until then."""
        temporary = self.checkpoint_path.with_suffix(".tmp")
        torch.save({
            "options": self.model.options.to_json(),
            "settings": self._settings.identity(),
            "train_tokens": len(self._cache.train),
            "model": self.model.state_dict(),
            "dense": self._dense.state_dict(),
            "sparse": self._sparse.state_dict(),
            "states": self._states, "word_vectors": self._bag.word_vectors,
            "random": self._random.bit_generator.state,
            "step": self.step, "seconds": self.seconds, "curve": self.curve,
        }, temporary)
        os.replace(temporary, self.checkpoint_path)

    def resume(self) -> bool:
        """Goes on from the folder's checkpoint, if there is one.

        RecipeError where it was made with other options, settings or text.
        """
        if not self.checkpoint_path.exists():
            return False
        saved = load_checkpoint(self.checkpoint_path)
        ours = {"options": self.model.options.to_json(),
                "settings": self._settings.identity(),
                "train_tokens": len(self._cache.train)}
        for name, value in ours.items():
            if saved[name] != value:
                raise RecipeError(
                    f"{self.checkpoint_path} was made with other {name}: "
                    f"{_difference(saved[name], value)}. Use the same, or "
                    "another --work folder")
        load_weights(self.model, saved, self.checkpoint_path)
        self._dense.load_state_dict(saved["dense"])
        self._sparse.load_state_dict(saved["sparse"])
        self._states = saved["states"]
        self._bag.word_vectors = saved["word_vectors"]
        self._random.bit_generator.state = saved["random"]
        self.step, self.seconds = saved["step"], saved["seconds"]
        self.curve = saved["curve"]
        return True


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint; RecipeError where it is missing or damaged."""
    try:
        return torch.load(path, weights_only=True)
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no checkpoint; train first") from error
    except Exception as error:  # torch raises many kinds for damaged files
        raise RecipeError(f"{path}: not a checkpoint of this recipe "
                          f"({type(error).__name__})") from error


def load_weights(model: LanguageModel, saved: dict[str, Any],
                 path: Path) -> None:
    """Copies a checkpoint's weights; RecipeError where it has others."""
    try:
        model.load_state_dict(saved["model"])
    except RuntimeError as error:
        raise RecipeError(
            f"{path} is of another version of this recipe; name its folder with "
            "--start-from, and another --work folder") from error


def _difference(saved: Any, ours: Any) -> str:
    if not isinstance(saved, dict) or not isinstance(ours, dict):
        return f"{saved} there, {ours} here"
    return ", ".join(
        f"{key} ({_difference(saved.get(key), ours.get(key))})"
        for key in sorted(saved.keys() | ours.keys())
        if saved.get(key) != ours.get(key))
