"""The model card beside a model, ``README.md``: in the hub's format, with the evidence of the run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from posttrain.data.chat.template_arguments import defaults_of, shown
from posttrain.files import write_whole
from posttrain.report.changes import ResultChange, stage_changes
from posttrain.report.glossary import KINDS
from posttrain.report.lineage import lineage
from posttrain.report.record import RunRecord, StageRecord, read_run
from posttrain.report.wording import counted, estimate_text, gate_text, interval_text, signed_interval, signed_text

CARD = "README.md"
_HUB_DATA = "hf://"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model comes from: the stages that made it, in order, and the model at their start.

    Args:
        hub: the start model's id on the hub; None if it is a folder.
    """

    name: str
    hub: str | None
    stages: Sequence[StageRecord]


def write_model_card(out: Path, stage: str) -> Path | None:
    """Write the card of a finished stage's model. A card that is there stays, since people edit cards.

    Returns:
        its path; None if the stage left no model or there is a card.

    Raises:
        InputError: a file of the run is broken.
    """
    path = out / "stages" / stage / "model" / CARD
    if not path.parent.is_dir() or path.exists():
        return None
    run = read_run(out)
    record = next(one for one in run.stages if one.name == stage)
    write_whole(path, model_card(run, record))
    return path


def model_card(run: RunRecord, stage: StageRecord, *, merged: bool = False, gguf_file: str | None = None) -> str:
    """The text of the card. It depends on the run's inputs and results alone, not on its time or place.

    Args:
        merged: whether the card lies beside merged weights, although the stage left an adapter.
        gguf_file: the name of the file of the weights, if it is a GGUF file.
    """
    origin, changes = origin_of(run, stage), stage_changes(run, stage)
    adapter = not merged and (stage.folder / "model" / "adapter_config.json").is_file()
    head = yaml.safe_dump(front_matter(stage, origin, changes, adapter=adapter), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{head}---",
        f"# {stage.name}",
        f"posttrain made this model from {_code(origin.name)} in {counted(len(origin.stages), 'stage')}. The last "
        f"stage {KINDS.get(stage.kind, stage.kind)}.",
        "## What it was trained on",
        "\n".join(_trained_on(run, origin)),
        "## Evidence",
        _evidence(changes),
        "## Limits",
        "\n".join(f"- {sentence}" for sentence in _limits(run, stage, changes)),
        "## How to use it",
        f"```python\n{_usage(stage, adapter=adapter, gguf_file=gguf_file)}\n```",
        *_template_defaults(stage),
    ]
    return "\n\n".join(parts) + "\n"


def origin_of(run: RunRecord, stage: StageRecord) -> Origin:
    """The chain of stages from the start model to this one."""
    by_name = {other.name: other for other in run.stages}
    chain = [stage]
    while chain[0].start in by_name:
        chain.insert(0, by_name[str(chain[0].start)])
    name = chain[0].start or str(run.recipe.get("model", "a start model"))
    hub = name if chain[0].content.get("the model it starts from") == name else None
    return Origin(name, hub, chain)


def front_matter(
    stage: StageRecord, origin: Origin, changes: Sequence[ResultChange], *, adapter: bool
) -> dict[str, Any]:
    """The hub's metadata. A start model that is a folder here has no name on the hub, so ``base_model`` is left out."""
    scores = stage.kind == "reward"
    task = "text-classification" if scores else "text-generation"
    names = [node.get("path", "") for one in origin.stages for node in one.options.get("data") or ()]
    data = [name.removeprefix(_HUB_DATA) for name in dict.fromkeys(names) if name.startswith(_HUB_DATA)]
    head: dict[str, Any] = {} if origin.hub is None else {"base_model": origin.hub}
    head |= {"library_name": "peft" if adapter else "transformers", "pipeline_tag": task}
    head["tags"] = ["posttrain", *dict.fromkeys(one.kind for one in origin.stages)]
    head |= {"datasets": ["/".join(name.split("/")[:2]) for name in data]} if data else {}
    results = [_hub_result(change, task) for change in changes if change.after.estimate.value is not None]
    return head | ({"model-index": [{"name": stage.name, "results": results}]} if results else {})


def _hub_result(change: ResultChange, task: str) -> dict[str, Any]:
    key, estimate = change.after.key, change.after.estimate
    dataset = {"name": key.suite if key.part is None else f"{key.suite}, {key.part}", "type": key.suite}
    metric = {"type": key.measure or key.suite, "name": key.label, "value": estimate.value, "verified": False}
    return {"task": {"type": task}, "dataset": dataset, "metrics": [metric]}


def _trained_on(run: RunRecord, origin: Origin) -> list[str]:
    nodes = {node.name: node for node in lineage(run).stages}
    lines: list[str] = []
    for number, stage in enumerate(origin.stages, start=1):
        files = [f"{_code(node.name)} ({node.hash})" for node in nodes[stage.name].data if node.role == "trains"]
        lines.append(f"{number}. {stage.name} ({stage.kind}): {', '.join(files) or 'no file of its own'}")
    return [*lines, "", "The digits are the first eight of each file's SHA-256 hash."]


def _evidence(changes: Sequence[ResultChange]) -> str:
    if not changes:
        return "The behaviour of this model was not measured: the recipe has no suites for it."
    rows = ["| result | before | after | 95% interval | n | difference | change |", "|---|---|---|---|---|---|---|"]
    for change in changes:
        estimate, test = change.after.estimate, change.test
        before = None if change.before is None else change.before.estimate
        difference = "–" if change.difference is None else signed_text(change.difference, estimate.unit)
        ends = signed_interval(test.interval, estimate.unit) if test else ""
        cells = (
            change.after.key.label.replace("|", "\\|"),
            estimate_text(before),
            estimate_text(estimate),
            interval_text(estimate.interval, estimate.unit) or "–",
            f"{estimate.n:,}",
            f"{difference} ({ends})" if ends else difference,
            "first measured" if change.sign == "new" else change.sign,
        )
        rows.append(f"| {' | '.join(cells)} |")
    note = (
        "“Before” is the model that this stage started from. A change is named if a paired test of the answers to the "
        "same questions finds it at 5%, corrected for the number of results (Holm)."
    )
    return "\n".join([*rows, "", note])


def _limits(run: RunRecord, stage: StageRecord, changes: Sequence[ResultChange]) -> list[str]:
    lost = [change.after.key.label for change in changes if change.sign == "worse"]
    fell = [change.after.key.label for change in changes if change.sign == "fell"]
    unclear = [change.after.key.label for change in changes if change.sign in ("undecided", "not tested")]
    failed = [gate for gate in run.gates or () if gate.get("stage") == stage.name and gate.get("outcome") != "pass"]
    sentences = [f"This stage made these results worse: {'; '.join(lost)}."] if lost else []
    sentences += [f"These results fell in this stage: {'; '.join(fell)}."] if fell else []
    sentences += [f"No change was shown in: {'; '.join(unclear)}."] if unclear else []
    sentences += [f"Gate {_code(gate_text(gate))}: {gate['outcome']}." for gate in failed]
    return [*sentences, "The figures hold for questions like those of the suites; nothing else was measured."]


def _template_defaults(stage: StageRecord) -> list[str]:
    """A paragraph on the template arguments of training, which the saved chat template has as defaults."""
    path = stage.folder / "model" / "chat_template.jinja"
    defaults = defaults_of(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not defaults:
        return []
    listed = ", ".join(_code(f"{name}: {shown(value)}") for name, value in defaults.items())
    example = _code(json.dumps({"chat_template_kwargs": defaults}, ensure_ascii=False))
    return [
        f"The chat template has the defaults of training: {listed}. To override one, pass it to `apply_chat_template`, "
        f"or to a server in the body of the request, such as {example}."
    ]


def _usage(stage: StageRecord, *, adapter: bool, gguf_file: str | None) -> str:
    scores = stage.kind == "reward"
    task = "SequenceClassification" if scores else "CausalLM"
    name, library = (f"AutoPeftModelFor{task}", "peft") if adapter else (f"AutoModelFor{task}", "transformers")
    imports = (
        f"from transformers import {name}, AutoTokenizer"
        if library == "transformers"
        else f"from peft import {name}; from transformers import AutoTokenizer"
    )
    turns = '{"role": "user", "content": "Your question"}'
    turns += ', {"role": "assistant", "content": "An answer"}' if scores else ""
    ask = "" if scores else "add_generation_prompt=True, "
    last = (
        "print(model(**inputs).logits)"
        if scores
        else "print(tokenizer.decode(model.generate(**inputs, max_new_tokens=200)[0]))"
    )
    loaded = "folder" if gguf_file is None else "folder, gguf_file=file"
    place = 'folder = "."' if gguf_file is None else f'folder, file = ".", {json.dumps(gguf_file)}'
    return "\n".join(
        [
            imports,
            f"{place}  # the folder of this file",
            f"tokenizer, model = AutoTokenizer.from_pretrained({loaded}), {name}.from_pretrained({loaded})",
            f"messages = [{turns}]",
            f'inputs = tokenizer.apply_chat_template(messages, {ask}return_dict=True, return_tensors="pt")',
            last,
        ]
    )


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
