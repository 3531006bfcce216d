"""A real vLLM server on a CPU, from an environment of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_SERVER_DEV_MODE": "1",
}


class VllmServer:
    """A server that can be killed and started again at the same address.

    Args:
        python: the Python of the environment with vllm-cpu.
        model: the folder of the served model, whose name is then "base".
        log: the file of what it prints.
        lora: whether it can serve adapters, which costs time with every token.
    """

    def __init__(self, python: str, model: Path, log: Path, flags: Sequence[str] = (), *, lora: bool = True) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}/v1", log
        self.command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
        self.command += ["--served-model-name", "base", "--host", "127.0.0.1", "--port", str(port)]
        self.command += ["--dtype", "bfloat16", "--max-model-len", "512", "--enforce-eager"]
        self.command += ["--enable-lora"] if lora else []
        self.command += ["--logprobs-mode", "processed_logprobs", *flags]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 300.0) -> None:
        """Start it, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **SETTINGS}, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/models", timeout=5).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    print(self.log.read_text()[-3000:], file=sys.stderr)
                    raise
                time.sleep(0.5)

    def kill(self) -> None:
        """Kill it and its workers."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
