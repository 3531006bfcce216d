"""The machine that trains: its cores, its memory, its GPUs and its measured speed."""

from dataclasses import dataclass

import torch

from posttrain.cpus import usable_cpus
from posttrain.policy.machine import speed, total_memory

GIB = 2**30

ROOM = 0.8
"""Share of the memory that training may use; the rest is for the system and for the estimate's error."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that trains.

    Args:
        cores: number of processor cores.
        memory: bytes of main memory.
        gpus: bytes of memory of each GPU.
        speed: measured FLOP/s of matrix products on the device that trains.
        gpu: the name of the GPUs.
    """

    cores: int
    memory: int
    gpus: tuple[int, ...]
    speed: float
    gpu: str = ""

    @property
    def device(self) -> str:
        """The device that `device: auto` chooses."""
        return "cuda" if self.gpus else "cpu"

    @property
    def room(self) -> float:
        """Bytes that training may use. With GPUs this is the memory of one, since a stage runs on one."""
        return ROOM * (self.gpus[0] if self.gpus else self.memory)

    def in_words(self) -> str:
        """A short description for people."""
        gpus = f"{len(self.gpus)} x {self.gpu}, {self.gpus[0] / GIB:.0f} GiB" if self.gpus else "no GPU"
        return f"{self.cores} cores, {self.memory / GIB:.0f} GiB of memory, {gpus}"


def this_machine() -> Machine:
    """Measure the machine that this process runs on."""
    memory = total_memory()
    if torch.cuda.is_available():
        gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return Machine(usable_cpus(), memory, tuple(gpu.total_memory for gpu in gpus), speed("cuda"), gpus[0].name)
    return Machine(usable_cpus(), memory, (), speed("cpu"))
