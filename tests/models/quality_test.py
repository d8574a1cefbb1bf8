"""The measurements, on vectors whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from quality.labelled_data import DataError, read_senses
from quality.linear_probe import LinearProbe
from quality.measure import measure_all, measure_senses, measure_tags, table
from quality.senses import most_frequent_accuracy, nearest_average_accuracy


def test_nearest_average_finds_separated_senses():
    train = np.array([[1.0, 0.1], [5.0, 0.2], [0.1, 1.0]])
    test = np.array([[2.0, 0.0], [0.0, 9.0], [1.0, 0.9]])
    assert nearest_average_accuracy(
        train, ["a", "a", "b"], test, ["a", "b", "b"]) == pytest.approx(2 / 3)


def test_most_frequent_sense_is_that_of_the_training_part():
    assert most_frequent_accuracy(["a", "a", "b"], ["b", "b", "a"]) == \
        pytest.approx(1 / 3)


def test_linear_probe_learns_what_is_linear_and_nothing_else():
    random = np.random.default_rng(1)
    vectors = random.normal(size=(4000, 6)).astype(np.float32)
    linear = np.where(vectors[:, 0] > vectors[:, 1], "x", "y")
    curved = np.where(vectors[:, 0] * vectors[:, 1] > 0, "x", "y")
    probe = LinearProbe(epochs=40, rate=0.02)
    probe.fit(vectors[:3000], linear[:3000])
    assert probe.accuracy(vectors[3000:], linear[3000:]) > 0.95
    probe.fit(vectors[:3000], curved[:3000])
    assert probe.accuracy(vectors[3000:], curved[3000:]) < 0.65


def test_measurements_take_the_target_word_and_every_layer(tmp_path: Path):
    senses = tmp_path / "senses.tsv"
    senses.write_text("".join(
        f"{'cord' if k % 2 else 'row'}\t1\tx {'aa' if k % 2 else 'b'}\n"
        for k in range(20)))
    (tmp_path / "tags.tsv").write_text("aa b\tLONG SHORT\n" * 300)

    def embed(sentences):
        """Layer 0 knows nothing, layer 1 the word's length."""
        for tokens in sentences:
            lengths = [[float(len(t)), -1.5] for t in tokens]
            yield np.array([np.ones_like(lengths), lengths])

    sense = measure_senses(embed, senses)
    assert sense["layers"] == [0.5, 1.0] and sense["most_frequent"] == 0.5
    tags = measure_tags(embed, tmp_path / "tags.tsv", tmp_path / "tags.tsv")
    assert tags["layers"] == [0.5, 1.0]
    assert "| sense | 50.0% | 50.0% | 100.0% |" in table({"sense": sense})


def test_every_word_with_a_file_of_senses_is_measured(tmp_path: Path):
    for word in ("hard", "interest"):
        (tmp_path / f"wsd-{word}.tsv").write_text("a\t0\tx\nb\t0\ty\n" * 10)

    def embed(sentences):
        for tokens in sentences:
            yield np.array([[[1.0, float(t == "x")] for t in tokens]])

    results = measure_all(embed, tmp_path, tags=False)
    assert list(results) == ["sense of hard", "sense of interest"]
    assert results["sense of hard"]["layers"] == [1.0]
    with pytest.raises(DataError, match="no wsd-"):
        measure_all(embed, tmp_path / "none", tags=False)


def test_damaged_data_is_named(tmp_path: Path):
    (tmp_path / "senses.tsv").write_text("only\tone\n")
    with pytest.raises(DataError, match="senses.tsv: line 1 has 2 columns"):
        read_senses(tmp_path / "senses.tsv")
    with pytest.raises(DataError, match="none.tsv"):
        read_senses(tmp_path / "none.tsv")
