"""What the documents show of Python runs as it is shown: docs/python.md, the README, the examples, the notebook."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import posttrain as pt
from byte_model import save_byte_model

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
QUICK = {**os.environ, "HF_HUB_OFFLINE": "1"}


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_on_python_runs_from_top_to_bottom(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("\n".join(blocks("docs/python.md")))
    done = subprocess.run(
        [sys.executable, "page.py"], capture_output=True, text=True, cwd=tmp_path, env=QUICK, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "stages.sft.epocs: unknown key; did you mean epochs?" in done.stdout
    for result in ("runs/colours/summary.json", "audit/colours/report.html", "dpo-model/config.json"):
        assert (tmp_path / result).is_file()


def test_the_page_on_python_names_every_public_function_and_error() -> None:
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    functions = [name for name in pt.__all__ if name[0].islower()]
    errors = ["InputError", "RunError", "Stopped", "Waiting"]
    assert [name for name in (*functions, *errors) if f"pt.{name}" not in page] == []


def test_the_lines_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks("README.md")
    assert len([line for line in block.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    save_byte_model(tmp_path / "model")
    rows = [{"prompt": f"Say {n}.", "completion": str(n)} for n in range(60)]
    for name in ("rows", "test"):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    short = "max_new_tokens=8"
    for old, new in (
        ("Qwen/Qwen2.5-0.5B", "model"),
        ("n=4)", f"n=4, {short})"),
        ('metrics="match")', f'metrics="match", {short})'),
    ):
        assert old in block
        block = block.replace(old, new)
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert names["run"]["sft"].metrics["eval_loss"].after > 0


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_is_short(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, cwd=tmp_path, env=QUICK, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    code = [line for line in example.read_text(encoding="utf-8").splitlines() if line]
    assert len(code) <= 40


def test_the_examples_use_the_public_names_alone() -> None:
    for example in EXAMPLES:
        tree = ast.parse(example.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [node.module for node in imports if str(node.module).startswith("posttrain")]
        used = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
        names = {node.attr for node in used if isinstance(node.value, ast.Name) and node.value.id == "pt"}
        assert names - {"__file__"} <= set(pt.__all__)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook after a headless run of all its cells."""
    import nbformat
    from nbclient import NotebookClient

    cells = nbformat.read(ROOT / "examples/quickstart.ipynb", as_version=4)
    place = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    return NotebookClient(cells, timeout=600, kernel_name="python3", resources=place).execute()


def test_every_cell_of_the_notebook_runs_and_its_results_show_as_tables(notebook: Any) -> None:
    results = [o["data"] for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "execute_result"]
    assert len([data for data in results if "<table>" in data.get("text/html", "")]) == 3  # plan, run, evaluation
    assert any("Audit: " in data["text/plain"] for data in results)


def test_progress_in_a_notebook_is_a_few_plain_lines(notebook: Any) -> None:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    progress = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "training: 20 of 20" in progress
    assert "\x1b" not in progress
    assert "\r" not in progress
    assert len(progress.splitlines()) < 60
    assert {output.output_type for output in outputs} <= {"stream", "execute_result"}


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads((ROOT / "examples/quickstart.ipynb").read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
