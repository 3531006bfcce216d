"""The machine and the model: what fits, and how long it takes, by order of magnitude."""

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from posttrain.cpus import usable_cpus
from posttrain.errors import InputError
from posttrain.policy.machine import speed, total_memory

if TYPE_CHECKING:
    from posttrain.policy.shape import ModelShape

GIB = 2**30

ROOM = 0.8
"""Share of the memory that training may plan with; the rest is the system's, and the estimate's error."""

_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)[ -]?([bm])(?![a-z0-9])", re.IGNORECASE)
_INSTRUCT = re.compile(r"instruct|chat|[-_]it\b|[-_](?:sft|dpo|rlhf)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to train on.

    Args:
        cores: of the processor.
        memory: bytes of main memory.
        gpus: bytes of each GPU.
        speed: FLOP/s of matrix products on the device that trains, measured.
        gpu: the GPU's name.
    """

    cores: int
    memory: int
    gpus: tuple[int, ...]
    speed: float
    gpu: str = ""

    @property
    def device(self) -> str:
        """What `device: auto` takes."""
        return "cuda" if self.gpus else "cpu"

    @property
    def room(self) -> float:
        """Bytes that training may plan with: of one GPU, since a stage runs on one."""
        return ROOM * (self.gpus[0] if self.gpus else self.memory)

    def told(self) -> str:
        """For people."""
        gpus = f"{len(self.gpus)} x {self.gpu}, {self.gpus[0] / GIB:.0f} GiB" if self.gpus else "no GPU"
        return f"{self.cores} cores, {self.memory / GIB:.0f} GiB of memory, {gpus}"


@dataclass(frozen=True, slots=True)
class Model:
    """The model to start from.

    Args:
        name: as a recipe says it.
        base: whether it is trained on text alone, not to answer.
        shape: its outline, exact or made up from the size in its name; None if neither is known.
        exact: whether the outline is its own.
        positions: the longest text it reads, None if unknown.
        chars_per_token: of the texts at hand, or the usual 4.
        plain: whether it surely has no chat template, so that a recipe must name one.
    """

    name: str
    base: bool
    shape: "ModelShape | None"
    exact: bool
    positions: int | None
    chars_per_token: float
    plain: bool = False


def this_machine() -> Machine:
    """Ask it."""
    import torch

    memory = total_memory()
    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return Machine(usable_cpus(), memory, tuple(gpu.total_memory for gpu in found), speed("cuda"), found[0].name)
    return Machine(usable_cpus(), memory, (), speed("cpu"))


def model_of(name: str, texts: tuple[str, ...]) -> Model:
    """What is known of a model without the network: exactly of a folder, or of one in the hub's cache.

    Raises:
        InputError: a folder that holds no model.
    """
    folder = local_folder(name)
    if folder is None:
        size = size_in(name)
        return Model(name, not _INSTRUCT.search(name), None if size is None else shape_of(size), False, None, 4.0)
    from posttrain.policy.shape import model_shape, positions_of
    from posttrain.policy.tokenizer import load_tokenizer

    shape = model_shape(folder)
    tokenizer: Any = load_tokenizer(folder)
    tokens = sum(len(tokenizer(text)["input_ids"]) for text in texts)
    per_token = sum(map(len, texts)) / tokens if tokens else 4.0
    plain = not tokenizer.chat_template
    base = plain or not (Path(name).is_dir() or _INSTRUCT.search(name))
    return Model(name, base, shape, True, positions_of(shape.config), per_token, plain)


def local_folder(name: str) -> str | None:
    """The model's folder on this disk: its own, or one in the hub's cache; None of a hub id that is not there.

    Raises:
        InputError: neither a folder nor a hub id.
    """
    if Path(name).is_dir() or name.startswith((".", "/", "~")):
        return name
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(name, file) for file in ("config.json", "tokenizer_config.json")]
    if isinstance(found[0], str) and isinstance(found[1], str):
        return str(Path(found[0]).parent)
    if "/" not in name:
        raise InputError(f"--model: {name} is neither a folder nor a hub id (org/name)")
    return None


def size_in(name: str) -> int | None:
    """Parameters that a model's name speaks of: 0.5B, 360M."""
    found = _SIZE.search(name)
    return None if found is None else int(float(found[1]) * {"b": 1e9, "m": 1e6}[found[2].lower()])


def shape_of(parameters: int) -> "ModelShape":
    """A transformer of so many weights and usual proportions: width 100 times the layers, 12 width² weights a layer."""
    from posttrain.policy.shape import ModelShape

    width = max(64, round((100 * parameters / 12) ** (1 / 3)))
    layers = max(2, round(parameters / (12 * width**2)))
    config = SimpleNamespace(
        hidden_size=width,
        num_hidden_layers=layers,
        intermediate_size=8 * width // 3,
        num_attention_heads=max(1, width // 64),
        num_key_value_heads=max(1, width // 256),
        head_dim=64,
    )
    config.get_text_config = lambda: config
    layer = [(width, width)] * 4 + [(width, 8 * width // 3)] * 2 + [(8 * width // 3, width)]
    return ModelShape(config, parameters, tuple(layer * layers))
