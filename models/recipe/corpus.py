"""Reads the training text as documents: lists of sentences.

Two kinds of file are understood. Prose (plain or .xz): one paragraph a line,
an empty line between books, not tokenised. Tokenised text (.tsv): one sentence
a line, tokens joined by blanks in the first column.
"""

import hashlib
import lzma
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from recipe.options import RecipeError
from recipe.sentences import split_sentences

Document = list[list[str]]  # Sentences, each a list of tokens.


def _open_text(path: Path) -> TextIO:
    try:
        if path.suffix == ".xz":
            return lzma.open(path, "rt", encoding="utf-8")
        return open(path, encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}") from error


def _tokenise_file(tokeniser: str, source: Path, target: Path) -> None:
    """Runs the server's tokeniser, a line in, a line of tokens out."""
    try:
        with open(source, "rb") as lines, open(target, "wb") as tokens:
            subprocess.run([tokeniser], stdin=lines, stdout=tokens, check=True)
    except OSError as error:
        raise RecipeError(
            f"tokeniser {tokeniser}: {error.strerror}; build elmo-tokenize "
            "first, or name it with --tokeniser") from error
    except subprocess.CalledProcessError as error:
        raise RecipeError(
            f"tokeniser {tokeniser}: exit code {error.returncode}") from error


def read_books(path: Path, tokeniser: str, work: Path) -> Iterator[Document]:
    """Yields the books of a prose file, split into sentences and tokens."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        plain, tokenised = Path(folder, "sentences"), Path(folder, "tokens")
        with _open_text(path) as paragraphs, open(
                plain, "w", encoding="utf-8") as out:
            for paragraph in paragraphs:
                sentences = split_sentences(paragraph) or [""]
                out.writelines(sentence + "\n" for sentence in sentences)
        _tokenise_file(tokeniser, plain, tokenised)
        with open(tokenised, encoding="utf-8", newline="\n") as lines:
            yield from _split_documents(line.split() for line in lines)


def _split_documents(lines: Iterator[list[str]]) -> Iterator[Document]:
    document: Document = []
    for tokens in lines:
        if tokens:
            document.append(tokens)
        elif document:
            yield document
            document = []
    if document:
        yield document


def read_tokenised(path: Path, piece: int = 100) -> Iterator[Document]:
    """Yields a tokenised file in pieces of as many sentences."""
    document: Document = []
    with _open_text(path) as lines:
        for line in lines:
            document.append(line.split("\t", 1)[0].split())
            if len(document) == piece:
                yield document
                document = []
    if document:
        yield document


def is_held_out(document: Document, share: float) -> bool:
    """Chooses by the hash of the document's text, so that the choice stays
    the same whatever else the corpus holds."""
    digest = hashlib.sha256()
    for tokens in document:
        digest.update(" ".join(tokens).encode("utf-8", "ignore"))
    return int.from_bytes(digest.digest()[:8], "big") < share * 2 ** 64
