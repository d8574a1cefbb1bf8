"""The labelled texts: senses of one word in context, and parts of speech."""

from dataclasses import dataclass
from pathlib import Path


class DataError(Exception):
    """A file is missing or not in its format."""


@dataclass(frozen=True)
class SenseExample:
    sense: str
    target: int  # Index of the word in `tokens`.
    tokens: list[str]


@dataclass(frozen=True)
class TaggedSentence:
    tokens: list[str]
    tags: list[str]


def _rows(path: Path, columns: int) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    rows = [line.split("\t") for line in text.split("\n") if line]
    for number, row in enumerate(rows, 1):
        if len(row) != columns:
            raise DataError(f"{path}: line {number} has {len(row)} columns, "
                            f"not {columns}")
    if not rows:
        raise DataError(f"{path}: empty")
    return rows


def read_senses(path: Path) -> list[SenseExample]:
    return [SenseExample(sense, int(target), tokens.split(" "))
            for sense, target, tokens in _rows(path, 3)]


def read_tagged(path: Path) -> list[TaggedSentence]:
    return [TaggedSentence(tokens.split(" "), tags.split(" "))
            for tokens, tags in _rows(path, 2)]
