"""What a process of the sandbox can be: a candidate, a tester or a program. None shares an interpreter with another.

Files: 0, 1, 2 as ever; 3 the job (read to its end); 4 the calls between candidate and tester; 5 the verdict.
"""

import json
import os
from typing import Any, NoReturn

from posttrain.rewards.sandbox.candidate import be_candidate
from posttrain.rewards.sandbox.codec import JOB
from posttrain.rewards.sandbox.program import be_program
from posttrain.rewards.sandbox.tester import be_tester


def play() -> NoReturn:
    """Read the job and be what it says."""
    parts: list[bytes] = []
    while part := os.read(JOB, 1 << 20):
        parts.append(part)
    os.close(JOB)
    job: dict[str, Any] = json.loads(b"".join(parts))
    del parts
    {"candidate": be_candidate, "tester": be_tester, "program": be_program}[job["role"]](job)
    os._exit(0)
