"""The programs of `learning.py`: each side, the reward model and the evaluator run in a process of their own."""

import os
import subprocess
import sys

from compare import HERE
from learning_data import Task
from learning_ppo import reward_model


def run(program: str, task: Task, python: str = sys.executable) -> str:
    """Run a side or the evaluator; its output."""
    done = subprocess.run(
        [python, str(HERE / f"learning_{program}.py"), task.text()],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"bench: {program} failed on {task}\n{done.stderr[-3000:]}")
    return done.stdout


def run_side(task: Task, peer_python: str) -> None:
    """Train a side."""
    if task.technique != "ppo":
        run(f"{task.side.removesuffix('-head')}_side", task)
        return
    if not reward_model(task.folder).exists():
        print(run("reward_model", task).strip(), file=sys.stderr, flush=True)
    if task.side == "trl":
        run("trl_ppo_side", task, peer_python)
    else:
        run("posttrain_side", task)
