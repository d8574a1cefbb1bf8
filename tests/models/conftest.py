"""The recipe's tests need PyTorch, numpy and h5py; without them they skip."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models"))

for module in ("torch", "numpy", "h5py"):
    pytest.importorskip(module, reason=f"{module} is not installed")
