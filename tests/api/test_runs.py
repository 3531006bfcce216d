"""`run`, `plan`, `audit` and `advise`: typed results of what the command line does, on the same files."""

import json
import logging
import os
import signal
import threading
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

import posttrain as pt
from command_line import Posttrain

SFT = {
    "kind": "sft",
    "data": "train.jsonl",
    "validation": "test.jsonl",
    "epochs": 2,
    "precision": "float32",
    "max_length": 64,
}
RECIPE = {"model": "model", "stages": {"look": {"kind": "audit", "data": "train.jsonl"}, "sft": SFT}}


@pytest.fixture(scope="module")
def run(work: Path) -> pt.RunResult:
    return pt.run(RECIPE, out="runs/a", quiet=True)


def test_results_are_those_on_disk(run: pt.RunResult) -> None:
    summary = json.loads(Path("runs/a/summary.json").read_text())
    figure = run["sft"].metrics["eval_loss"]
    assert (figure.before, figure.after, figure.n) == tuple(
        summary["sft"]["eval_loss"][key] for key in ("before", "after", "n")
    )
    assert figure.before is not None
    assert figure.after is not None
    assert figure.after < figure.before
    assert list(run) == ["look", "sft"]
    assert run["sft"].folder == Path("runs/a/stages/sft")


def test_the_model_is_a_folder_that_transformers_loads(run: pt.RunResult) -> None:
    assert AutoModelForCausalLM.from_pretrained(run["sft"].model).num_parameters() > 0


def test_the_log_has_each_step(run: pt.RunResult) -> None:
    steps = [line["step"] for line in run["sft"].log() if line["split"] == "train"]
    assert steps == [1, 2, 3, 4]


def test_what_a_stage_does_not_leave_is_one_clear_error(run: pt.RunResult) -> None:
    for ask in (lambda: run["look"].model, lambda: run["sft"].data, lambda: run["look"].log()):
        with pytest.raises(pt.InputError):
            ask()
    with pytest.raises(KeyError, match="did you mean sft"):
        run["stf"]


def test_the_result_shows_as_text_and_as_html(run: pt.RunResult) -> None:
    text, html = repr(run), run._repr_html_()
    for shown in (text, html):
        assert "eval_loss" in shown
        assert f"{run['sft'].metrics['eval_loss'].after:.4f}" in shown
    assert html.startswith("<p>")
    assert "eval_loss" in repr(run["sft"])


def test_the_same_call_does_nothing_again(run: pt.RunResult) -> None:
    before = {path: path.stat().st_mtime_ns for path in run["sft"].model.iterdir()}
    again = pt.run(RECIPE, out="runs/a", quiet=True)
    assert again["sft"].metrics == run["sft"].metrics
    assert {path: path.stat().st_mtime_ns for path in run["sft"].model.iterdir()} == before


def test_a_file_and_a_mapping_train_the_same_bytes(run: pt.RunResult) -> None:
    Path("recipe.yaml").write_text(json.dumps(RECIPE))
    other = pt.run("recipe.yaml", quiet=True)
    assert other.folder == Path("runs/recipe")
    weights = "model.safetensors"
    assert (other["sft"].model / weights).read_bytes() == (run["sft"].model / weights).read_bytes()


def test_stop_ends_the_run_with_everything_saved_and_the_same_call_goes_on(run: pt.RunResult) -> None:
    calls = iter([False, False, False, True])
    with pytest.raises(pt.Stopped):
        pt.run(RECIPE, out="runs/stopped", stop=lambda: next(calls, True), quiet=True)
    finished = pt.run(RECIPE, out="runs/stopped", quiet=True)
    weights = "model.safetensors"
    assert (finished["sft"].model / weights).read_bytes() == (run["sft"].model / weights).read_bytes()


def test_an_interrupt_stops_where_all_is_saved_and_the_handlers_are_put_back(work: Path) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    calls: list[int] = []

    def interrupt_once() -> bool:
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return False

    with pytest.raises(pt.Stopped) as stopped:
        pt.run(RECIPE, out="runs/interrupted", stop=interrupt_once, quiet=True)
    assert stopped.value.signal == signal.SIGINT
    assert list(Path("runs/interrupted/stages/sft/checkpoints").glob("step-*"))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_the_host_program_is_left_as_it_was(work: Path) -> None:
    def state() -> tuple[object, ...]:
        loggers = {name: logging.getLogger(name) for name in ("", "transformers", "torch", "mine")}
        levels = [(one.level, one.propagate, tuple(one.handlers)) for one in loggers.values()]
        return levels, logging.Logger.callHandlers, [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]

    before = state()
    pt.run(RECIPE, out="runs/host", quiet=True)
    assert state() == before


def test_a_run_in_another_thread_needs_no_signals(work: Path) -> None:
    results: list[pt.RunResult] = []
    thread = threading.Thread(target=lambda: results.append(pt.run(RECIPE, out="runs/a", quiet=True)))
    thread.start()
    thread.join()
    assert list(results[0]) == ["look", "sft"]


def test_the_plan_is_typed_and_its_json_is_that_of_the_command_line(work: Path, posttrain: Posttrain) -> None:
    Path("plan.yaml").write_text(json.dumps(RECIPE))
    plan = pt.plan("plan.yaml")
    assert (plan["sft"].steps, plan["sft"].parts["train"]["groups"], plan["sft"].models) == (4, 16, ("model",))
    assert plan.fits
    assert [stage.stage for stage in plan] == ["look", "sft"]
    assert "sft" in repr(plan)
    assert "<table>" in plan._repr_html_()
    moving = ("free_bytes", "seconds")
    ours, theirs = plan.as_json(), json.loads(posttrain("plan", "plan.yaml", "--json").out)
    assert [list(stage) for stage in ours] == [list(stage) for stage in theirs]
    for stage in (*ours, *theirs):
        for key in moving:
            stage.pop(key)
    assert json.loads(json.dumps(ours)) == theirs


def test_an_audit_says_what_blocks_and_raises_nothing(work: Path) -> None:
    Path("bad.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion": \n')
    report = pt.audit("bad.jsonl", quiet=True)
    assert [finding.name for finding in report.blocking] == ["unreadable-row"]
    assert report.blocking[0].rows == ("bad.jsonl:2",)
    assert "unreadable-row" in repr(report)
    assert "bad.jsonl:2" in report._repr_html_()
    assert json.loads((report.write("looked") / "findings.json").read_text())["rows"] == report.rows == 1


def test_an_audit_of_a_recipe_has_a_report_for_each_stage_that_trains(work: Path) -> None:
    report = pt.audit(RECIPE, against="test.jsonl", quiet=True)
    assert list(report.reports) == ["sft"]
    assert "budget" in report.reports["sft"].figures


def test_columns_and_several_files_are_audited_as_named(work: Path) -> None:
    Path("named.jsonl").write_text('{"q": "a?", "a": "b"}\n')
    report = pt.audit([Path("named.jsonl"), "train.jsonl"], columns={"prompt": "q", "completion": "a"}, quiet=True)
    assert report.rows >= 1
    with pytest.raises(pt.InputError, match=r"^columns: "):
        pt.audit(RECIPE, columns={"prompt": "q"})


def test_advice_is_readable_and_its_recipe_runs_through_the_checks(work: Path) -> None:
    advice = pt.advise("train.jsonl", model="model", people=0, quiet=True)
    assert repr(advice).startswith("Advice: ")
    assert all(f"  {opinion.technique}: {opinion.verdict}" in repr(advice) for opinion in advice.opinions)
    with pytest.raises(pt.InputError, match="tasks"):
        pt.advise("train.jsonl", tasks="three")  # type: ignore[arg-type]
