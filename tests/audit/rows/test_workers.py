"""Several processes scan rows; none of them runs the main program a second time."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """\
import json, sys
from pathlib import Path

from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import audit_sources
from posttrain.console import Screen

print("started")
lines = (json.dumps({"prompt": f"q {n}", "completion": f"a {n}"}) for n in range(6000))
Path("many.jsonl").write_text("\\n".join(lines))
report = audit_sources([AuditSource("many.jsonl", {})], screen=Screen(quiet=True), workers=2)
print(report.rows, __file__ == sys.argv[0], __spec__)
"""


def test_a_script_without_a_main_guard_runs_once_and_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.stdout.splitlines() == ["started", "6000 True None"], done.stderr
