"""Look at data before anything is trained on it: the audit, the advice, and the plan of a run."""

import json
from pathlib import Path

import posttrain as pt

BASE = Path(pt.__file__).parent / "demo/base"

rows = [{"prompt": f"What is {n} plus {n}?", "completion": str(2 * n)} for n in range(40)]
rows.append({"prompt": "What is 3 plus 3?", "completion": "7"})  # contradicts an earlier row
Path("sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

report = pt.audit("sums.jsonl")
print(report)
for finding in report.findings:
    print(finding.severity, finding.name, finding.rows[:3])

print(pt.advise("sums.jsonl", model=str(BASE), checkable=True))

recipe = {"model": BASE, "stages": {"sft": {"kind": "sft", "data": "sums.jsonl", "epochs": 2}}}
plan = pt.plan(recipe)
print(plan)
print(f"{plan['sft'].steps} steps; fits into memory: {plan.fits}")
