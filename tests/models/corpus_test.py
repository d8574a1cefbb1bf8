"""Sentence splitting, holding out, and the word-id cache."""

import random
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import documents, make_cache

from recipe.batches import Streams, reverse_sentences
from recipe.characters import encode_words
from recipe.corpus import is_held_out, read_books
from recipe.options import RecipeError
from recipe.sentences import split_sentences
from recipe.token_cache import BEGIN_ID, END_ID, Variation


def test_sentences_end_at_marks_but_not_at_abbreviations():
    assert split_sentences(
        'Mr. Gray met J. Smith. "Why?" he asked. It cost 3.50 in all! (So.) '
        'Then I. No more') == [
            "Mr. Gray met J. Smith.", '"Why?" he asked.',
            "It cost 3.50 in all!", "(So.)", "Then I.", "No more"]


def test_books_are_split_at_blank_lines(tmp_path: Path):
    corpus = tmp_path / "books.txt"
    corpus.write_text("One here. Two here.\nThree.\n\n\nSecond book.\n")
    tool = tmp_path / "tokenise"
    tool.write_text("#!/bin/sh\nexec sed 's/[.]/ ./g'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    books = list(read_books(corpus, str(tool), tmp_path))
    assert books == [[["One", "here", "."], ["Two", "here", "."],
                      ["Three", "."]], [["Second", "book", "."]]]


def test_missing_corpus_and_tokeniser_are_named(tmp_path: Path):
    with pytest.raises(RecipeError, match="no-such.txt"):
        list(read_books(tmp_path / "no-such.txt", "cat", tmp_path))
    (tmp_path / "books.txt").write_text("Text.\n")
    with pytest.raises(RecipeError, match="no-tokeniser.*--tokeniser"):
        list(read_books(tmp_path / "books.txt", "no-tokeniser", tmp_path))


def test_held_out_choice_depends_on_the_document_alone():
    chosen = [is_held_out(d, 0.3) for d in documents()]
    assert 0 < sum(chosen) < len(chosen)
    assert chosen[::-1] == [is_held_out(d, 0.3)
                            for d in reversed(list(documents()))]


def test_cache_numbers_words_by_frequency(tmp_path: Path):
    cache = make_cache(tmp_path / "text")
    counts = np.bincount(cache.train)[3:]
    assert list(counts) == sorted(counts, reverse=True)
    words = (tmp_path / "text/words.txt").read_text().split("\n")
    assert words[:3] == ["<S>", "</S>", "<UNK>"]
    assert (encode_words(words[:-1]) == cache.characters).all()


def test_character_ids_match_the_published_vectors():
    ids = encode_words(["<S>", "\u0100t", "Second", "", "x" * 60])
    assert list(ids[0, :5]) == [259, 257, 260, 261, 261]
    assert list(ids[1, :6]) == [259, 197, 129, 117, 260, 261]
    assert list(ids[2, :9]) == [259, 84, 102, 100, 112, 111, 101, 260, 261]
    assert list(ids[3, :3]) == [259, 260, 261]
    assert ids[4, 49] == 260 and ids[4, 48] == ord("x") + 1


def test_backward_stream_reverses_each_sentence_in_its_place():
    s, e = BEGIN_ID, END_ID
    ids = np.array([7, e, s, 3, 4, e, s, 5, e, s, 6], np.int32)
    assert list(reverse_sentences(ids)) == [e, 7, e, 4, 3, s, e, 5, s, 6, s]


def test_streams_continue_from_chunk_to_chunk(tmp_path: Path):
    ids = make_cache(tmp_path / "text").train
    streams = Streams(ids, 4, 8)
    words = [streams.chunk(k)[0].words[:, 1] for k in range(streams.chunks)]
    length = len(ids) // 4
    assert list(np.concatenate(words)) == list(
        ids[length:length + 8 * streams.chunks])
    assert (streams.chunk(0)[0].targets == streams.chunk(0)[0].words.roll(
        -1, 0))[:-1].all()


def test_words_before_a_chunk_are_those_of_its_neighbour(tmp_path: Path):
    ids = make_cache(tmp_path / "text").train
    streams = Streams(ids, 4, 8, before=5)
    for direction in (0, 1):
        first, second, third = (streams.chunk(k)[direction] for k in range(3))
        assert torch.equal(second.with_before[:5], first.words[3:])
        assert torch.equal(second.with_before[5:], second.words)
        assert torch.equal(second.targets[-1], third.words[0])
    assert streams.chunk(streams.chunks - 1)[0].with_before.shape == (13, 4)


def test_variation_joins_and_lowers_its_share_and_loses_no_word():
    document = [["Mr", "B"], ["He", "sat"]] * 30000  # 200 pieces.
    flat = [token for sentence in document for token in sentence]
    varied = Variation(lowercase_share=0.3, joined_share=0.2).apply(
        document, random.Random(1))
    words = [token for sentence in varied for token in sentence]
    assert [w.lower() for w in words] == [w.lower() for w in flat]
    assert len(varied) / len(document) == pytest.approx(0.8, abs=0.02)
    lowered = sum(w.islower() for w in words) / len(words)
    plain = sum(w.islower() for w in flat) / len(flat)
    # 200 draws of 0.3; four standard deviations.
    assert (lowered - plain) / (1 - plain) == pytest.approx(0.3, abs=0.13)
    assert max(map(len, varied)) <= 120


def test_no_variation_leaves_the_document_as_it_is():
    document = documents(count=1)[0]
    assert Variation().apply(document, random.Random(1)) == document
