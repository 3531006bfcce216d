"""The gates of a run: verdicts from saved samples after each stage, and the stop where one does not pass."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posttrain.console import Screen, printable_text
from posttrain.errors import GateStopped, InputError
from posttrain.evaluate.behaviour import samples_file, saved_samples
from posttrain.evaluate.gates.gate_verdict import GateVerdict
from posttrain.evaluate.gates.resolve import subject_of
from posttrain.evaluate.gates.verdicts import verdicts_of
from posttrain.evaluate.measures import suite_of
from posttrain.evaluate.run_behaviour import behaviour_folder
from posttrain.evaluate.sample import Sample
from posttrain.files import read_json, write_json
from posttrain.pipeline.verdict_text import verdict_sentence
from posttrain.recipe.gates import gate_count, gates_of
from posttrain.recipe.schema import Recipe, in_order

GATES = "gates.json"
"""The verdicts of a run, in its directory."""


def check_stage_gates(recipe: Recipe, name: str, out: Path, screen: Screen) -> list[GateVerdict]:
    """Decide the gates of a stage that is done, record the verdicts, and show them."""
    verdicts = stage_verdicts(recipe, name, out)
    if not verdicts:
        return []
    path = out / GATES
    earlier: list[dict[str, Any]] = read_json(path)["gates"] if path.is_file() else []
    order = in_order(recipe)
    kept = [gate for gate in earlier if gate["stage"] in order[: order.index(name)]]
    write_json(path, {"gates": [*kept, *(verdict.as_json() for verdict in verdicts)]})
    for verdict in verdicts:
        screen.note(printable_text(verdict_sentence(verdict)))
    return verdicts


def stage_verdicts(recipe: Recipe, name: str, out: Path) -> list[GateVerdict]:
    """The verdicts of a stage's gates, from the samples in the run directory.

    Raises:
        InputError: a stage has no saved samples of a suite, or a gate names a slice that is not there.
    """
    gates = gates_of(recipe, name)
    if not gates:
        return []
    pairs = [(gate, subject_of(gate.gate, recipe.suites)) for gate in gates]
    share = len(gates) / gate_count(recipe)
    try:
        return verdicts_of(name, pairs, _Samples(out), share=share, seed=recipe.seed)
    except InputError as error:
        raise InputError(f"stages.{name}.gates: {error}") from error


def stop_at_blocking(verdicts: Sequence[GateVerdict], out: Path) -> None:
    """Stop the run if one of the verdicts blocks it.

    Raises:
        GateStopped: see there.
    """
    blocking = [verdict for verdict in verdicts if verdict.blocks]
    if not blocking:
        return
    stages = list(dict.fromkeys(verdict.stage for verdict in blocking))
    places = [behaviour_folder(out, v.stage) / samples_file(suite_of(v.key)) for v in blocking]
    files = ", ".join(dict.fromkeys(map(str, places)))
    lines = "".join(f"\n  {printable_text(verdict_sentence(verdict))}" for verdict in blocking)
    raise GateStopped(
        f"{' and '.join(stages)} did not pass, and everything is kept:{lines}\nLook at the answers in {files}. "
        "Correct the data or the stage and run the same command; or add a `waiver` with a name and a reason to the gate"
    )


class _Samples:
    """The saved samples of a run, each file read once."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.read: dict[tuple[str, str], list[Sample]] = {}

    def __call__(self, stage: str, suite: str) -> Sequence[Sample]:
        if (stage, suite) not in self.read:
            folder = behaviour_folder(self.out, stage)
            if not (folder / samples_file(suite)).is_file():
                raise InputError(f"{folder / samples_file(suite)} is not there; run the stage with this suite first")
            self.read[stage, suite] = saved_samples(folder, suite)
        return self.read[stage, suite]
