"""Lets the tests of this folder import the helper modules beside `tests/conftest.py`."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
torch.set_num_threads(1)  # on tiny tensors threads only wait for each other
