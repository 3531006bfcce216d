"""Values in a recipe's file or after `--set`: how they are read, which are refused, and the place in the message."""

from pathlib import Path

import pytest

from command_line import Posttrain
from posttrain.errors import InputError
from posttrain.recipe.keys import part_at, places_of
from posttrain.recipe.load import load_recipe
from posttrain.recipe.schema import Recipe
from posttrain.recipe.yaml_lines import parse_yaml, read_yaml

RECIPE = """\
model: org/model
suites:
  facts: {data: test.jsonl, metrics: match}
stages:
  first: {kind: sft, data: train.jsonl}
  '2': {kind: dpo, data: pairs.jsonl, model: first}
  third:
    kind: grpo
    data: prompts.jsonl
    rewards: {form: {kind: json}}
    vllm: {url: "http://localhost:8000/v1", model: base}
"""
FIRST = "{kind: sft, data: train.jsonl}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("model: m\nstages: &s\n  one: *s\n", (":2:", "stages.one", "itself")),
        ("a: &a [*a]\n", (":1:", "itself")),
        ("a: 1\nb: " + "[" * 5000, (":2:", "deep")),
        ("a: 1\nb: " + "{x: " * 5000, (":2:", "deep")),
        (bomb(12), ("recipe.yaml:1:", "values")),
        ("a: 1\nb: {c: 1, c: 2}\n", (":2:", "b.c", "twice")),
        ("a: 1\n1: x\n1: y\n", (":3:", "1", "twice")),
        ("model: !!binary aGVsbG8=\n", (":1:", "!!binary")),
        ("a: 1\nb: !!set {x, y}\n", (":2:", "!!set")),
        ("b: !!python/object/apply:os.system [true]\n", (":1:", "tag")),
        ("b: !!int twelve\n", (":1:", "b", "int")),
        ("a: 1\nb: '\\0'\nc: \"\\0\"\n", (":3:", "NUL")),
        ('"\\0": 1\n', (":1:", "NUL")),
        ('b: "\\ud800"\n', (":1:", "surrogate")),
        ("a: 1\nb: \x07\n", (":2:", "character")),
        ("? [a, b]\n: 1\n", (":1:", "key")),
        ("a: *nowhere\n", (":1:", "nowhere")),
        ("<<: 3\n", (":1:", "mapping")),
        ("a: 1\n---\nb: 2\n", (":2:",)),
        (f"a: {'9' * 5000}\n", (":1:", "int")),
    ],
)
def test_yaml_that_no_recipe_needs_is_refused_with_its_line(
    text: str, messages: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    for words in messages:
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2.0e+3", 2000.0),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("010", 10),
        ("0x1F", 31),
        ("-.5", -0.5),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("~", None),
        ("", None),
        ("'yes'", "yes"),
        ("YES", True),
        ("!!str 7", "7"),
        ("{1: a, on: b, 2024-01-31: c}", {"1": "a", "on": "b", "2024-01-31": "c"}),
        ("{x: &d {a: 1, b: 2}, y: {<<: *d, b: 3}}", {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}),
        ("{<<: [{a: 1}, {a: 2, b: 2}]}", {"a": 1, "b": 2}),
    ],
)
def test_a_value_is_what_yaml_1_2_says(text: str, value: object) -> None:
    result = parse_yaml(text, "here")
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("override", "messages"),
    [
        ("seed=yes", ("seed", "quotes")),
        ("stages.first.epochs=true", ("stages.first.epochs", "number", "quotes")),
        ("stages.first.data={path: x.jsonl, rows: on}", ("stages.first.data.rows", "quotes")),
        ("stages.first.lora={rank: true}", ("stages.first.lora.rank", "quotes")),
        ("stages.first.betas=[0.9, yes]", ("stages.first.betas.1", "quotes")),
        ("stages.first.validation=on", ("stages.first.validation", "quotes")),
        ("stages.third.rewards.form.weight=no", ("rewards.form.weight", "quotes")),
        ("stages.first.precision=no", ("stages.first.precision", "quotes")),
        ("stages.first.data={path: x.jsonl, task: no}", ("stages.first.data.task", "quotes")),
        ("seed=1:30", ("seed", "1:30")),
        ("stages.first.epochs=.inf", ("stages.first.epochs", "finite")),
        ("stages.first.epochs=1e30", ("stages.first.epochs", "100000")),
        ("stages.2.beta=.nan", ("stages.2.beta", "finite")),
        ("stages.2.beta='inf'", ("stages.2.beta", "finite")),
        ("stages.2.beta=1e308", ("stages.2.beta", "3.4e+38")),
        (f"stages.first.batch_size=1{'0' * 30}", ("stages.first.batch_size", "at most")),
        ("stages.first.validation=1.5", ("stages.first.validation", "less than 1")),
        ("stages.first.data={path: a, columns: {prompt: x, completion: x}}", ("first.data.columns", "prompt", "`x`")),
        ("stages.first.data=", ("stages.first.data", "empty")),
        ("stages.first.data=''", ("stages.first.data", "at least 1")),
        (f"stages.first.data={'d' * 5000}", ("stages.first.data", "too long")),
        (f"model={'m' * 300}", ("model", "too long")),
        (f"model={'m/' * 3000}", ("model", "too long")),
        (f"suites.facts.data={'d' * 300}", ("suites.facts.data", "too long")),
        (f"stages.third.rewards.form={{kind: python, function: f, file: {'f' * 300}}}", ("form.file", "too long")),
        ("stages.9.epochs=2", ("stages.9", "no such stage")),
        ("stages.frist.epochs=2", ("stages.frist", "did you mean first")),
        ("suites.facts.stages=[frist]", ("suites.facts.stages", "did you mean first")),
        ("stages.first=3", ("stages.first", "mapping")),
        (f"{'a.' * 5000}b=1", ("5,001 keys",)),
        (f"stages.{'a.' * 5000}b=1", ("stages.a.", "5,002 keys")),
        # unknown keys
        ("stages.first.lr=1", ("did you mean learning_rate?",)),
        ("stages.first.bs=1", ("did you mean batch_size?",)),
        ("stages.first.steps=1", ("did you mean max_steps?",)),
        ("stages.first.num_train_epochs=1", ("did you mean epochs?",)),
        ("stages.first.r=1", ("did you mean stages.first.lora.rank?",)),
        ("stages.first.lora={r: 1}", ("stages.first.lora.r", "did you mean rank?")),
        ("device=cuda", ("did you mean stages.first.device or",)),
        ("stages.first.seed=1", ("did you mean seed?",)),
        ("stages.third.vllm.modle=x", ("stages.third.vllm", "did you mean model?")),
        ("stages.third.vllm.x=0.5", ("known here: url, model,", "lag, seeds, importance,")),
        ("suites.facts.columns={}", ("did you mean suites.facts.data.columns?",)),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(override: str, messages: tuple[str, ...], path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_recipe(path, [override])
    assert len(str(error.value).splitlines()) == 1
    for words in ("--set", *messages):
        assert words in str(error.value)


def test_numbers_in_quotes_and_whole_numbers_for_fractions_are_read(path: Path) -> None:
    stage = load_recipe(path, ["stages.first.batch_size='16'", "stages.first.epochs=2"]).stages["first"]
    assert (stage.batch_size, stage.epochs) == (16, 2.0)  # type: ignore[union-attr]


def test_an_override_reaches_names_of_digits_and_is_text_where_text_belongs(path: Path) -> None:
    recipe = load_recipe(path, ["stages.2.beta=0.3", "model=007", "stages.first.data={path: x, task: '1'}"])
    assert recipe.stages["2"].beta == 0.3  # type: ignore[union-attr]
    assert recipe.model == "007"


@pytest.mark.parametrize(
    "name",
    [
        "../up",
        "/abs",
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        ".hidden",
        "end.",
        "two words",
        "a\nb",
        "a\u202eb",
        "a[/x]",
        "ä",
        "x" * 65,
        "sft.previous",
        "sft.previous-2",
        "x.partial.y",
        "base",
        "-x",
        "~",
    ],
)
@pytest.mark.parametrize("place", ["stage", "suite", "reward"])
def test_a_name_that_is_no_file_name_is_refused(
    place: str, name: str, path: Path, posttrain: Posttrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = '"' + name.replace("\\", "\\\\").replace("\n", "\\n") + '"'
    old = {"stage": "first:", "suite": "facts:", "reward": "form:"}[place]
    text = RECIPE.replace(", model: first", "").replace(old, f"{quoted}:")
    path.write_text(text)
    before = set(path.parent.rglob("*"))
    monkeypatch.chdir(path.parent)
    answer = posttrain("run", "recipe.yaml", "--out", "out/run")
    line = 1 + text[: text.index(quoted)].count("\n")
    assert answer.code == 2
    assert answer.err.startswith(f"error: recipe.yaml:{line}: ")
    assert len(answer.err.splitlines()) == 1
    assert set(path.parent.rglob("*")) == before


@pytest.mark.parametrize("name", ["sft", "SFT_2", "a.b", "v1.0-beta", "_x", "7", "x" * 64])
def test_ordinary_names_are_taken(name: str, path: Path) -> None:
    path.write_text(RECIPE.replace("first", f"'{name}'").replace("facts", f"'{name}'").replace("form", f"'{name}'"))
    assert name in load_recipe(path, [f"stages.{name}.epochs=3"]).stages


def test_names_that_differ_in_capitals_only_are_refused(path: Path) -> None:
    with pytest.raises(InputError, match="capital letters"):
        load_recipe(path, [f"stages.First={FIRST}"])


def test_the_parts_of_a_recipe_are_found_by_their_types() -> None:
    values = parse_yaml(RECIPE, "here")
    assert part_at(Recipe, (), values).keys == ["model", "seed", "suites", "gates", "trackers", "stages", "rounds"]
    assert part_at(Recipe, ("stages",), values).named
    assert "beta" in part_at(Recipe, ("stages", "2"), values).keys
    assert "extract" in part_at(Recipe, ("stages", "third", "rewards", "form"), values).keys
    assert part_at(Recipe, ("stages", "first", "data", 0), values).keys[0] == "path"
    assert ("stages", "third", "alarms", "max_kl") in set(places_of(Recipe, "max_kl", values))
