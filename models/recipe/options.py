"""The architecture of a model, as options.json writes it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_CHARACTERS = 50


class RecipeError(Exception):
    """A mistake in the input that the user can correct; shown without a trace."""


@dataclass(frozen=True)
class ModelOptions:
    """Dimensions of the biLM. Two or more layers read with skip connections.

    The defaults are those of the shipped model. Its filters and highways are what
    knows words by their spelling: with 256 of them it could tell but few of the
    30,000 apart."""

    cell_dim: int = 512  # H
    projection_dim: int = 240  # P, half the width of an embedding
    layers: int = 2
    cell_clip: float = 3.0
    projection_clip: float = 3.0
    character_dim: int = 16
    filters: tuple[tuple[int, int], ...] = (
        (1, 32), (2, 64), (3, 128), (4, 256), (5, 256), (6, 160), (7, 128))
    highways: int = 1

    @property
    def num_filters(self) -> int:
        return sum(count for _, count in self.filters)

    def to_json(self) -> dict[str, Any]:
        """The keys of AllenNLP and bilm-tf."""
        return {
            "lstm": {
                "use_skip_connections": True,
                "projection_dim": self.projection_dim,
                "dim": self.cell_dim,
                "n_layers": self.layers,
                "cell_clip": self.cell_clip,
                "proj_clip": self.projection_clip,
            },
            "char_cnn": {
                "activation": "relu",
                "filters": [list(f) for f in self.filters],
                "n_highway": self.highways,
                "embedding": {"dim": self.character_dim},
                "n_characters": 262,
                "max_characters_per_token": MAX_CHARACTERS,
            },
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ModelOptions":
        lstm, cnn = values["lstm"], values["char_cnn"]
        return cls(
            cell_dim=lstm["dim"], projection_dim=lstm["projection_dim"],
            layers=lstm["n_layers"], cell_clip=lstm["cell_clip"],
            projection_clip=lstm["proj_clip"],
            character_dim=cnn["embedding"]["dim"],
            filters=tuple((w, n) for w, n in cnn["filters"]),
            highways=cnn["n_highway"])

    @classmethod
    def load(cls, path: Path) -> "ModelOptions":
        """Reads an options.json whose architecture this recipe can train."""
        try:
            values = json.loads(path.read_text())
            options = cls.from_json(values)
        except OSError as error:
            raise RecipeError(f"{path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise RecipeError(f"{path}: not an options.json ({error!r})") from error
        options.check(str(path))
        if values["char_cnn"].get("activation", "relu") != "relu" \
                or not values["lstm"].get("use_skip_connections", True):
            raise RecipeError(
                f"{path}: the recipe trains relu models with skip connections")
        return options

    def check(self, name: str) -> None:
        """Raises RecipeError where the service's format would not take it."""
        if not 0 < self.projection_dim < self.cell_dim:
            raise RecipeError(
                f"{name}: projection_dim {self.projection_dim} must be less "
                f"than lstm.dim {self.cell_dim}")
        if self.num_filters <= self.projection_dim:
            raise RecipeError(
                f"{name}: {self.num_filters} character filters must be more "
                f"than projection_dim {self.projection_dim}")
        if any(not 1 <= w <= MAX_CHARACTERS or n < 1 for w, n in self.filters):
            raise RecipeError(f"{name}: filters {self.filters} are out of range")
