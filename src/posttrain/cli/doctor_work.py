"""The work of `posttrain doctor`."""

import importlib.metadata
import json
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from posttrain import __version__
from posttrain.console import format_bytes
from posttrain.cpus import usable_cpus
from posttrain.errors import InputError
from posttrain.policy.device import bfloat16_is_fast, cache_folder, machine
from posttrain.policy.machine import free_memory, speed, total_memory
from posttrain.rewards.sandbox.launch import find_bubblewrap

State = Literal["ok", "missing", "note"]

OPTIONAL = {
    "bitsandbytes": ("quantization: 4bit, optimizer: adamw8bit", "bitsandbytes"),
    "gguf": ("models in GGUF, as the real demo's", "gguf"),
    "cleanlab": ("the audit's check for wrong labels", "labels"),
    "presidio-analyzer": ("the audit's check for personal data", "presidio"),
    "psycopg": ("the ranking app on PostgreSQL", "postgresql"),
    "pyjwt": ("sign-in to the ranking app by OpenID Connect", "oidc"),
    "tensorboard": ("trackers: [tensorboard]", "tensorboard"),
    "mlflow-skinny": ("trackers: [mlflow]", "mlflow"),
    "wandb": ("trackers: [wandb]", "wandb"),
    "trackio": ("trackers: [trackio]", "trackio"),
}
"""Package → what needs it, and posttrain's extra that installs it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One line: what was looked at, what was found, and the next step if something is missing."""

    what: str
    state: State
    found: str
    next_step: str = ""


def examine_and_show(*, as_json: bool, strict: bool) -> None:
    """Show what this machine has; with `strict`, exit with code 1 if something is missing."""
    lines = [*machine_lines(), *gpu_lines(), *place_lines(), *optional_lines()]
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in lines], indent=2))
    else:
        table = Table("", "", "found", "next step")
        marks = {"ok": "[green]ok[/]", "missing": "[yellow]missing[/]", "note": "[cyan]note[/]"}
        for line in lines:
            table.add_row(line.what, marks[line.state], *(escape(text) for text in (line.found, line.next_step)))
        Console(highlight=False).print(table)
    if strict and any(line.state == "missing" for line in lines):
        sys.exit(1)


def machine_lines() -> list[Found]:
    """The program, the processor and the memory."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    fast = bfloat16_is_fast(device)
    precision = f"{'bfloat16' if fast else 'float32'} (precision: auto), {speed(device) / 1e9:,.0f} GFLOP/s"
    versions = f"posttrain {__version__}, Python {sys.version.split()[0]}, torch {torch.__version__}"
    return [
        Found("versions", "ok", f"{versions}, transformers {importlib.metadata.version('transformers')}"),
        Found("machine", "ok", f"{platform.system()}, {machine().rpartition(' torch ')[0]}, {usable_cpus()} cores"),
        Found("precision", "ok", precision),
        Found("memory", "ok", f"{format_bytes(free_memory('cpu'))} free of {format_bytes(total_memory())}"),
    ]


def gpu_lines() -> list[Found]:
    """The GPUs that torch sees."""
    if torch.cuda.is_available():
        return [
            Found(f"GPU {n}", "ok", f"{torch.cuda.get_device_name(n)}, {format_bytes(free_memory(f'cuda:{n}'))} free")
            for n in range(torch.cuda.device_count())
        ]
    build = "this torch is a CPU build" if torch.version.cuda is None else f"torch for CUDA {torch.version.cuda}"
    card = shutil.which("nvidia-smi") is not None
    step = "install a torch with CUDA: https://pytorch.org/get-started" if card else ""
    return [Found("GPU", "missing" if card else "note", f"none; {build}", step)]


def place_lines() -> list[Found]:
    """The folders that posttrain writes to, and the sandbox."""
    lines: list[Found] = []
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError as error:
        return [Found("temporary folder", "missing", str(error), "set TMPDIR to a folder that can be written")]
    for what, folder in (("cache", cache_folder()), ("temporary folder", temporary)):
        existing = next(path for path in (folder, *folder.parents) if path.is_dir())
        free = format_bytes(shutil.disk_usage(existing).free)
        lines.append(Found(what, "ok", f"{folder}, {free} free on its disk"))
    try:
        lines.append(Found("sandbox", "ok", f"{find_bubblewrap()}: code rewards run in bubblewrap"))
    except InputError as error:
        lines.append(Found("sandbox", "missing", "code rewards cannot run apart from this machine's files", str(error)))
    return lines


def optional_lines() -> list[Found]:
    """The optional packages."""
    lines: list[Found] = []
    for package, (needs, extra) in OPTIONAL.items():
        try:
            lines.append(Found(package, "ok", f"{importlib.metadata.version(package)}, for {needs}"))
        except importlib.metadata.PackageNotFoundError:
            lines.append(Found(package, "missing", f"for {needs}", f"pip install 'posttrain[{extra}]'"))
    return lines
