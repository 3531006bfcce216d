"""The tests run in one thread, since on tiny tensors threads only wait for each other."""

import torch

torch.set_num_threads(1)
