"""A tiny corpus and tiny settings, for tests that take a second."""

import random
from collections.abc import Iterable
from pathlib import Path

from recipe.corpus import Document
from recipe.options import ModelOptions
from recipe.settings import TrainSettings
from recipe.token_cache import Source, TokenCache, Variation, build_cache

OPTIONS = ModelOptions(cell_dim=12, projection_dim=6, character_dim=4,
                       filters=((1, 4), (2, 4), (3, 6)))
SETTINGS = TrainSettings(steps=6, batch=4, unroll=8, vocabulary=60,
                         sample_tries=40, learning_rate=0.01)

_WORDS = ("the a river bank money boat walked to of near held some and quietly "
          "she he . , naïve 1901").split()


def _sentence(choose: random.Random) -> list[str]:
    """Each word follows the one before it in the list: easy to learn."""
    first = choose.randrange(len(_WORDS))
    return [_WORDS[(first + k) % len(_WORDS)]
            for k in range(choose.randint(1, 9))]


def documents(seed: int = 3, count: int = 120) -> Iterable[Document]:
    choose = random.Random(seed)
    return [[_sentence(choose) for _ in range(12)] for _ in range(count)]


def make_cache(folder: Path) -> TokenCache:
    folder.mkdir(parents=True, exist_ok=True)
    build_cache(folder, [Source("books", documents, 0.3)], Variation(), 1,
                lambda line: None)
    return TokenCache.load(folder)
