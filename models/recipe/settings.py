"""How a run trains, apart from the architecture."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TrainSettings:
    """A run's settings; a resumed run must have the same, but for the budget.

    The budget is `minutes` of training time, or `steps` where that is not 0.
    The learning rate follows the share of the budget that is used: up in the
    first `warmup` share, level, then down to nothing in the last `decay` share.
    """

    minutes: float = 60.0
    steps: int = 0
    batch: int = 32  # Streams of text.
    unroll: int = 40  # Words of a stream per step.
    vocabulary: int = 30_000
    sample_tries: int = 2048
    learning_rate: float = 1.5e-3
    warmup: float = 0.02
    decay: float = 0.8
    # First share of the budget in which the softmax alone learns: for a model
    # whose other weights come from a package.
    softmax_first: float = 0.0
    clip_norm: float = 1.0
    # The second task, the words read before: how many, and the weight of its
    # two losses, each of which is 1 for one who knows nothing.
    bag_words: int = 20
    bag_share: float = 10.0
    # What the LSTM's matrix products multiply: float32 or bfloat16, twice as
    # fast on CPUs that have it. Everything else is float32.
    factors: str = "float32"
    seed: int = 1

    def learning_rate_at(self, progress: float) -> float:
        """progress: share of the budget that is used, 0 to 1."""
        up = progress / self.warmup if self.warmup else 1.0
        down = (1 - progress) / self.decay if self.decay else 1.0
        return self.learning_rate * max(0.0, min(1.0, up + 1e-3, down))

    def identity(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be continued."""
        values = asdict(self)
        del values["minutes"], values["steps"]
        return values
