"""The roles of a process: candidate, tester or program. Each process has its own interpreter.

Files: 0, 1 and 2 are the standard ones; 3 is the job, read to its end; 4 is the connection between tester and
candidate; 5 is the verdict.
"""

import json
import os
from typing import Any, NoReturn

from posttrain.rewards.sandbox.candidate import run_candidate
from posttrain.rewards.sandbox.codec import JOB
from posttrain.rewards.sandbox.program import run_program
from posttrain.rewards.sandbox.tester import run_tester


def run_role() -> NoReturn:
    """Read the job, and run the role that it names."""
    parts: list[bytes] = []
    while part := os.read(JOB, 1 << 20):
        parts.append(part)
    os.close(JOB)
    job: dict[str, Any] = json.loads(b"".join(parts))
    del parts
    {"candidate": run_candidate, "tester": run_tester, "program": run_program}[job["role"]](job)
    os._exit(0)
