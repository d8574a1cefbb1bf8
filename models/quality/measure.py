"""Runs the measurements over any source of vectors."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quality.labelled_data import (DataError, TaggedSentence, read_senses,
                                   read_tagged)
from quality.linear_probe import LinearProbe
from quality.senses import most_frequent_accuracy, nearest_average_accuracy

# Sentences of tokens -> [layers, tokens, D] of each.
Embed = Callable[[Sequence[Sequence[str]]], Iterable[np.ndarray]]
_TRAIN_SHARE = 0.8


def measure_senses(embed: Embed, path: Path) -> dict[str, Any]:
    """Accuracy of each layer on one word's senses: first 80 % train."""
    examples = read_senses(path)
    vectors = np.stack([
        layers[:, example.target] for example, layers in zip(
            examples, embed([e.tokens for e in examples]))], axis=1)
    senses = [e.sense for e in examples]
    cut = int(len(examples) * _TRAIN_SHARE)
    return {
        "most_frequent": most_frequent_accuracy(senses[:cut], senses[cut:]),
        "layers": [
            nearest_average_accuracy(layer[:cut], senses[:cut], layer[cut:],
                                     senses[cut:]) for layer in vectors],
        "train": cut, "test": len(examples) - cut}


def _vectors(embed: Embed, sentences: Sequence[TaggedSentence]) -> np.ndarray:
    """[layers, all tokens, D] as float16, which halves the memory."""
    parts = [v.astype(np.float16) for v in embed([s.tokens for s in sentences])]
    return np.concatenate(parts, axis=1)


def measure_tags(embed: Embed, train_path: Path,
                 test_path: Path) -> dict[str, Any]:
    """Accuracy of a linear probe on each layer."""
    train, test = read_tagged(train_path), read_tagged(test_path)
    train_tags = [t for s in train for t in s.tags]
    test_tags = [t for s in test for t in s.tags]
    train_vectors, test_vectors = _vectors(embed, train), _vectors(embed, test)
    accuracies = []
    for layer in range(len(train_vectors)):
        probe = LinearProbe()
        probe.fit(train_vectors[layer].astype(np.float32), train_tags)
        accuracies.append(probe.accuracy(
            test_vectors[layer].astype(np.float32), test_tags))
    return {"layers": accuracies, "train": len(train_tags),
            "test": len(test_tags)}


def measure_all(embed: Embed, data: Path, tags: bool) -> dict[str, Any]:
    """All tasks by name: the senses of every word that has a wsd-WORD.tsv;
    `tags`: parts of speech too, the slow part."""
    words = sorted(data.glob("wsd-*.tsv"))
    if not words:
        raise DataError(f"{data}: no wsd-*.tsv in it")
    results = {}
    for path in words:
        word = path.stem.removeprefix("wsd-")
        results[f"sense of {word}"] = measure_senses(embed, path)
    if tags:
        results["part of speech"] = measure_tags(
            embed, data / "pos-masc-train.tsv", data / "pos-masc-test.tsv")
    return results


def table(results: dict[str, Any]) -> str:
    """The results as a Markdown table of percentages."""
    count = max(len(r["layers"]) for r in results.values())
    lines = ["| task | most frequent | " + " | ".join(
        f"layer {k}" for k in range(count)) + " |",
        "| --- " * (count + 2) + "|"]
    for name, result in results.items():
        base = result.get("most_frequent")
        cells = [name, "" if base is None else f"{base:.1%}"]
        cells += [f"{accuracy:.1%}" for accuracy in result["layers"]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
