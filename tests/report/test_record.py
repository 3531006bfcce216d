"""A run's folder is read whatever is missing in it; a broken file is one error with its name."""

import shutil
from pathlib import Path

import pytest

from posttrain.errors import InputError
from posttrain.report.record import read_run
from posttrain.report.results import ResultKey
from posttrain.report.write import write_run_report
from run_folders import SUITE, gate, put, put_results, put_run, samples_of, unpack_old_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = put_run(tmp_path / "run", {"sft": {}, "dpo": {"kind": "dpo", "model": "sft"}}, {"facts": SUITE})
    put_results(folder / "base", {"facts": samples_of([0.0] * 8)})
    for name in ("sft", "dpo"):
        put_results(folder / "stages" / name, {"facts": samples_of([1.0] * 8)})
    put(folder / "gates.json", {"gates": [gate("facts >= 0.9", "pass")]})
    return folder


def test_a_run_of_an_earlier_version_is_read_whole(tmp_path: Path) -> None:
    run = read_run(unpack_old_run(tmp_path / "old"))
    assert [stage.name for stage in run.stages] == ["sft", "ift", "dpo", "reward", "replies", "orders", "ppo", "grpo"]
    assert {stage.state for stage in run.stages} == {"done"}
    dpo = next(stage for stage in run.stages if stage.name == "dpo")
    assert dpo.results is not None
    line = dpo.results.lines[ResultKey("asks_refused", None, "off-label")]
    assert (line.estimate.value, line.estimate.n, line.better) == (1.0, 100, None)
    samples = dpo.results.samples_of("asks_refused")
    assert len(samples) == 200
    assert {sample.slice for sample in samples} == {"on-label", "off-label"}
    assert run.missing == ()


def test_the_keys_of_results_name_suite_measure_and_slice(run: Path) -> None:
    path = run / "base/behaviour/results.json"
    line = {"value": 0.5, "n": 2, "interval": None, "unit": "share", "counted": "answers", "better": "lower"}
    put(path, {"a": line, "a/b": line, "a[c/d]": line, "a/b[c [d]]": line})
    base = read_run(run).base
    assert base is not None
    expected = [("a", None, None), ("a", "b", None), ("a", None, "c/d"), ("a", "b", "c [d]")]
    assert [tuple(key) for key in base.lines] == expected


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ("manifest.json", "manifest.json is missing"),
        ("base", "model before training was not measured"),
        ("stages/dpo", "Stage dpo has not begun."),
        ("stages/dpo/stage.json", "Stage dpo was interrupted"),
    ],
)
def test_a_missing_piece_becomes_a_sentence_on_the_page(run: Path, gone: str, sentence: str) -> None:
    path = run / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert any(sentence in line for line in read_run(run).missing)
    assert sentence in write_run_report(run).read_text()


@pytest.mark.parametrize(
    "gone",
    ["gates.json", "stages/sft/metrics.jsonl", "stages/sft/behaviour", "stages/sft/started.json", "stages/sft"]
    + [f"{model}/behaviour/samples_facts.jsonl" for model in ("base", "stages/sft", "stages/dpo")],
)
def test_the_page_is_written_whatever_file_is_missing(run: Path, gone: str) -> None:
    path = run / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "From data to model" in write_run_report(run).read_text()


def test_a_run_that_was_stopped_before_its_first_stage_has_a_page(run: Path) -> None:
    for name in ("stages", "base", "gates.json"):
        shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
    text = write_run_report(run).read_text()
    assert "sft and dpo not done" in text
    assert "measured no suites" in text


@pytest.mark.parametrize(
    "file",
    ["manifest.json", "gates.json", "base/behaviour/results.json", "base/behaviour/samples_facts.jsonl"]
    + [f"stages/sft/{name}" for name in ("stage.json", "started.json", "metrics.jsonl", "behaviour/results.json")],
)
@pytest.mark.parametrize("content", [b"{broken\n", b"[1, 2]\n", b"\xff\xfe\n", b'{"a": 1 \n'])
def test_a_broken_file_is_one_error_that_names_it(run: Path, file: str, content: bytes) -> None:
    (run / file).write_bytes(content)
    with pytest.raises(InputError) as error:
        write_run_report(run)
    assert str(run / file) in str(error.value)


def test_a_last_line_that_a_kill_cut_is_left_out(run: Path) -> None:
    path = run / "stages/sft/metrics.jsonl"
    whole = len(read_run(run).stages[0].metrics)
    path.write_text(path.read_text() + '{"step": 9, "lo')
    assert len(read_run(run).stages[0].metrics) == whole
    path.write_text('{"step": 9, "lo\n' + path.read_text())
    with pytest.raises(InputError, match=r"metrics\.jsonl:1"):
        read_run(run)


def test_saved_answers_whose_last_line_is_cut_are_broken(run: Path) -> None:
    path = run / "base/behaviour/samples_facts.jsonl"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(InputError, match=r"samples_facts\.jsonl:8"):
        write_run_report(run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run's folder"):
        read_run(tmp_path)


def test_the_folder_around_the_demo_s_run_is_understood(run: Path, tmp_path: Path) -> None:
    run.rename(tmp_path / "demo_run")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo_run").rename(tmp_path / "demo/run")
    read = read_run(tmp_path / "demo")
    assert read.folder == tmp_path / "demo/run"
    assert read.name == "demo"


def test_earlier_results_of_a_stage_are_no_stages(run: Path) -> None:
    shutil.copytree(run / "stages/sft", run / "stages/sft.previous-1")
    (run / "manifest.json").unlink()
    assert [stage.name for stage in read_run(run).stages] == ["dpo", "sft"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("manifest.json", {"recipe": 3}),
        ("manifest.json", {"recipe": {"stages": {}}, "libraries": 3}),
        ("gates.json", {"gates": 3}),
        ("gates.json", {"gates": [{"gate": "facts >= 0.9"}]}),
        ("base/behaviour/results.json", {"facts": 3}),
        ("base/behaviour/results.json", {"facts": {"value": "much", "n": 3, "interval": None}}),
        ("stages/sft/started.json", {"content": 4}),
        ("stages/sft/stage.json", {"figures": {"loss": 3}}),
        ("stages/sft/stage.json", {"figures": {"loss": {"after": "low"}}}),
    ],
)
def test_a_file_of_another_form_is_one_error_that_names_it(run: Path, file: str, content: object) -> None:
    put(run / file, content)
    with pytest.raises(InputError, match="not as posttrain writes it") as error:
        write_run_report(run)
    assert str(run / file) in str(error.value)
