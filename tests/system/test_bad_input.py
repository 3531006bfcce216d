"""Bad input gets one clear error that names the place, exit code 2, no traceback, and leaves nothing half-written."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from byte_model import save_byte_model, save_byte_tokenizer
from command_line import Posttrain

GOOD = '{"prompt": "Say 1", "completion": "1"}\n'

Spoil = Callable[[Path], None]


def data(content: bytes | str) -> Spoil:
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda work: (work / "train.jsonl").write_bytes(raw) and None


def recipe(old: str, new: str) -> Spoil:
    def spoil(work: Path) -> None:
        path = work / "recipe.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return spoil


def whole(text: str) -> Spoil:
    return lambda work: (work / "recipe.yaml").write_text(text) and None


def messages(*some: object) -> str:
    return json.dumps({"messages": some}) + "\n"


def spoilt_model(change: Callable[[Path], object]) -> Spoil:
    def spoil(work: Path) -> None:
        (work / "model").unlink()
        change(save_byte_model(work / "model"))

    return spoil


def only_pickles(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


def longer_tokenizer(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config["vocab_size"] = 200
    shutil.rmtree(model)
    from transformers import LlamaConfig, LlamaForCausalLM

    LlamaForCausalLM(LlamaConfig(**config)).save_pretrained(model)
    save_byte_tokenizer(model)


USER, ASSISTANT = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}

CASES: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    # data
    "broken JSON": (data(GOOD * 2 + '{"prompt": "Say"\n'), ("train.jsonl:3",)),
    "UTF-16": (data(GOOD.encode("utf-16")), ("train.jsonl:1", "UTF-16")),
    "Latin-1": (data(GOOD.encode() + '{"prompt": "é"}'.encode("latin-1")), ("train.jsonl:2", "UTF-8")),
    "NUL bytes": (data(GOOD + "\0\0\0\n"), ("train.jsonl:2", "NUL")),
    "bare NaN": (data(GOOD + '{"prompt": "a", "completion": NaN}\n'), ("train.jsonl:2", "NaN")),
    "empty file": (data(""), ("train.jsonl", "empty")),
    "blank file": (data("\n\n"), ("train.jsonl",)),
    "not an object": (data(GOOD + "[1, 2]\n"), ("train.jsonl:2", "object")),
    "duplicate key": (data('{"prompt": "a", "prompt": "b", "completion": "c"}\n'), ("train.jsonl:1", "prompt")),
    "long line": (data(GOOD + json.dumps({"prompt": "a" * 10_000_000, "completion": "b"})), ("train.jsonl:2",)),
    "empty conversation": (data(messages()), ("train.jsonl:1", "messages")),
    "unknown role": (data(messages({"role": "wizard", "content": "x"}, ASSISTANT)), ("train.jsonl:1", "wizard")),
    "content is a number": (data(messages({"role": "user", "content": 3}, ASSISTANT)), ("train.jsonl:1", "content")),
    "assistant first": (data(messages(ASSISTANT, USER)), ("train.jsonl:1", "assistant")),
    "no assistant": (data(messages(USER)), ("train.jsonl:1", "assistant")),
    "message is a string": (data(messages("Hi", ASSISTANT)), ("train.jsonl:1",)),
    "messages is no list": (data('{"messages": "Hi"}\n'), ("train.jsonl:1", "messages")),
    "missing column": (data(GOOD + '{"prompt": "Say 1"}\n'), ("train.jsonl:2", "completion")),
    "unknown columns": (data('{"q": "a", "a": "b"}\n'), ("train.jsonl:1", "columns")),
    "mixed schemas": (data(GOOD + messages(USER, ASSISTANT)), ("train.jsonl:2", "mixed schemas")),
    "preference rows for SFT": (data('{"prompt": "a", "chosen": "b", "rejected": "c"}\n'), ("train.jsonl:1", "sft")),
    "only empty answers": (data('{"prompt": "a", "completion": ""}\n'), ("no row is left", "train.jsonl:1")),
    "all rows too long": (recipe("max_length: 128", "max_length: 4"), ("no row is left", "max_length")),
    "one row too long": (recipe("max_length: 128", "max_length: 4\n    truncation: error"), ("train.jsonl:1",)),
    "missing data": (recipe("train.jsonl", "trian.jsonl"), ("trian.jsonl", "did you mean train.jsonl")),
    "a folder without data": (recipe("train.jsonl", "model"), ("model", "chat_template.jinja")),
    "unknown kind of file": (recipe("train.jsonl", "recipe.yaml"), ("recipe.yaml", ".jsonl")),
    "columns that are not there": (
        recipe("data: train.jsonl", "data: {path: train.jsonl, columns: {prompt: question}}"),
        ("train.jsonl:1", "question"),
    ),
    # recipe
    "no recipe": (lambda work: (work / "recipe.yaml").unlink(), ("recipe.yaml", "no such recipe")),
    "empty recipe": (whole(""), ("recipe.yaml:1",)),
    "recipe is a list": (whole("- a\n- b\n"), ("recipe.yaml:1",)),
    "broken YAML": (whole("model: model\nstages: {sft: [\n"), ("recipe.yaml:3",)),
    "YAML that runs code": (whole("model: !!python/object/apply:os.system [true]\n"), ("recipe.yaml:1",)),
    "recipe in Latin-1": (lambda work: (work / "recipe.yaml").write_bytes(b"model: \xe9") and None, ("UTF-8",)),
    "recipe with NUL": (lambda work: (work / "recipe.yaml").write_bytes(b"model: \0") and None, ("NUL",)),
    "key given twice": (recipe("    kind: sft\n", "    kind: sft\n    kind: sft\n"), ("recipe.yaml:5", "twice")),
    "no stages": (whole("model: model\n"), ("stages", "missing")),
    "stages empty": (whole("model: model\nstages: {}\n"), ("recipe.yaml:2", "stages")),
    "no model": (recipe("model: model\n", ""), ("model", "missing")),
    "unknown stage": (recipe("kind: sft", "kind: sfft"), ("recipe.yaml:4", "stages.sft", "did you mean sft")),
    "no kind": (recipe("    kind: sft\n", ""), ("stages.sft.kind", "missing")),
    "misspelt key": (
        recipe("learning_rate", "learning_rte"),
        ("recipe.yaml:9", "stages.sft.learning_rte", "did you mean learning_rate"),
    ),
    "unknown top key": (recipe("model: model\n", "model: model\nsede: 1\n"), ("recipe.yaml:2", "did you mean seed")),
    "unknown nested key": (
        recipe("data: train.jsonl", "data: {paht: train.jsonl}"),
        ("recipe.yaml:5", "stages.sft.data", "path"),
    ),
    "negative learning rate": (recipe("1.0e-3", "-1.0e-3"), ("recipe.yaml:9", "learning_rate", "greater than 0")),
    "learning rate in words": (recipe("1.0e-3", "small"), ("recipe.yaml:9", "learning_rate", "number")),
    "no epochs": (recipe("batch_size: 4", "epochs: 0"), ("recipe.yaml:8", "epochs")),
    "half a batch": (recipe("batch_size: 4", "batch_size: 0.5"), ("recipe.yaml:8", "batch_size", "integer")),
    "unknown truncation": (recipe("max_length: 128", "truncation: middle"), ("recipe.yaml:7", "truncation")),
    "validation of one": (recipe("validation: 0.25", "validation: 1.0"), ("recipe.yaml:6", "validation")),
    "cycle of stages": (
        recipe(
            "kind: sft\n", "kind: sft\n    model: two\n    data: train.jsonl\n  two:\n    kind: sft\n    model: sft\n"
        ),
        ("recipe.yaml", "circle", "sft", "two"),
    ),
    "stage from itself": (recipe("kind: sft", "kind: sft\n    model: sft"), ("recipe.yaml:5", "circle")),
    "model is neither stage nor folder": (
        recipe("kind: sft", "kind: sft\n    model: sfft"),
        ("recipe.yaml:5", "sfft", "did you mean sft"),
    ),
    "quantized without lora": (recipe("batch_size: 4", "quantization: 4bit"), ("quantization", "lora")),
    "max_length beyond the model": (recipe("max_length: 128", "max_length: 4096"), ("max_length", "256")),
    "no such template": (recipe("batch_size: 4", "template: fancy"), ("template", "fancy", "chatml")),
    "lora on no layer": (
        recipe("batch_size: 4", "lora: {target_modules: [nothing]}"),
        ("lora.target_modules",),
    ),
    "holding out a task that is not there": (
        recipe("kind: sft", "kind: ift\n    hold_out: {tasks: [sumary]}"),
        ("hold_out.tasks", "sumary", "train.jsonl"),
    ),
    # model
    "missing model": (recipe("model: model", "model: ./nowhere"), ("nowhere",)),
    "model is a file": (recipe("model: model", "model: ./train.jsonl"), ("train.jsonl", "folder")),
    "empty model folder": (spoilt_model(lambda m: [p.unlink() for p in m.iterdir()]), ("config.json",)),
    "no chat template": (spoilt_model(lambda m: (m / "chat_template.jinja").unlink()), ("template: plain",)),
    "tokenizer larger than embedding": (spoilt_model(longer_tokenizer), ("tokenizer", "embedding")),
    "corrupt tokenizer": (spoilt_model(lambda m: (m / "tokenizer.json").write_text("{")), ("tokenizer",)),
    "no tokenizer": (
        spoilt_model(lambda m: [p.unlink() for p in m.glob("tokenizer*")]),
        ("tokenizer",),
    ),
    "corrupt config": (spoilt_model(lambda m: (m / "config.json").write_text("{")), ("config",)),
    "unknown architecture": (
        spoilt_model(lambda m: (m / "config.json").write_text('{"model_type": "fancy"}')),
        ("fancy",),
    ),
    "pickled weights only": (spoilt_model(only_pickles), ("pytorch_model.bin", "safetensors")),
    "corrupt weights": (spoilt_model(lambda m: (m / "model.safetensors").write_bytes(b"\0" * 99)), ("model",)),
}


@pytest.mark.parametrize("name", CASES)
def test_one_clear_error(name: str, work: Path, posttrain: Posttrain) -> None:
    spoil, messages = CASES[name]
    spoil(work)
    before = {p for p in work.rglob("*") if "model" not in p.parts}
    answer = posttrain("run", "recipe.yaml", "--out", "out")
    assert answer.code == 2, answer.err
    errors = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, answer.err
    assert "Traceback" not in answer.err + answer.out
    for words in messages:
        assert words in answer.err[answer.err.index("error: ") :], answer.err
    left = {p for p in work.rglob("*") if p.is_file() and "out" in p.parts} - before
    assert not [p for p in left if ".partial" in str(p) or p.suffix == ".safetensors"]


OVERRIDES = {
    "stages.sft.learning_rate": ("expected key.path=value",),
    "stages.sft.learning_rte=1": ("--set stages.sft.learning_rte", "did you mean learning_rate"),
    "stages.sft.learning_rate=-1": ("--set stages.sft.learning_rate", "greater than 0"),
    "stages.sft.data.3.path=x": ("--set",),
    "stages.sft.kind.x=1": ("--set",),
    "=1": ("expected key.path=value",),
    "seed=[": ("not valid YAML",),
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_a_wrong_override_is_named(override: str, work: Path, posttrain: Posttrain) -> None:
    answer = posttrain("validate", "recipe.yaml", "--set", override)
    assert answer.code == 2
    for words in OVERRIDES[override]:
        assert words in answer.err


@pytest.mark.parametrize("arguments", [("rnu",), ("run",), ("run", "recipe.yaml", "--outt", "x"), ("init", "rlhf")])
def test_a_wrong_command_line_exits_with_2(arguments: tuple[str, ...], work: Path, posttrain: Posttrain) -> None:
    answer = posttrain(*arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err


def test_pairs_that_cannot_train_are_counted_not_fatal(work: Path, posttrain: Posttrain) -> None:
    with (work / "pairs.jsonl").open("a") as file:
        file.write(json.dumps({"prompt": "Say", "chosen": "same", "rejected": "same"}) + "\n")
    answer = posttrain("plan", "pairs.yaml", "--json")
    assert answer.code == 0, answer.err
    assert "pairs.jsonl:17" in answer.out


@pytest.mark.parametrize("kilobytes", [24, *(pytest.param(one, marks=pytest.mark.slow) for one in (0, 4, 60))])
def test_a_full_disk_is_one_sentence_and_the_run_goes_on_once_there_is_room(
    kilobytes: int, work: Path, posttrain: Posttrain
) -> None:
    def fill() -> None:  # no file may grow beyond this, as on a disk with so much room
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    command = [sys.executable, "-m", "posttrain", "run", "recipe.yaml", "--out", "out"]
    full = subprocess.run(command, cwd=work, preexec_fn=fill, capture_output=True, text=True, check=False)
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr
    assert "cannot be written" in full.stderr
    assert not list((work / "out").rglob("*.partial"))
    assert posttrain("run", "recipe.yaml", "--out", "out").code == 0
    assert posttrain("run", "recipe.yaml", "--out", "whole").code == 0
    model = "stages/sft/model/model.safetensors"
    assert (work / "out" / model).read_bytes() == (work / "whole" / model).read_bytes()
