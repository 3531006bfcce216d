"""Start a sandbox's process: bubblewrap's command line, and the files of the host that an interpreter needs."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from posttrain.errors import InputError
from posttrain.rewards.sandbox.isolate import WORK, Bounds

FOLDER = Path(__file__).parent
SCRIPTS = (
    *("adapt", "candidate", "child", "codec", "compare", "connection", "isolate", "names", "program", "proxy", "roles"),
    *("seccomp", "solution", "suites", "tester"),
)
START_SECONDS = 30.0
NOT_NEEDED = ("_tkinter", "_test", "_ctypes_test", "_xxtest", "readline")
"""Prefixes of extension modules whose libraries the sandbox does not need."""

INSTALL = (
    "bubblewrap is not installed, and model-written code does not run without a sandbox: install it "
    "(`apt-get install bubblewrap`, `dnf install bubblewrap`), or use `sandbox: process-limits` in the recipe, which "
    "limits time and memory but lets the code read this machine's files"
)


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """A process of the sandbox.

    Args:
        process: bubblewrap's process, or the interpreter's.
        control: socket for requests.
        forks: it forks a process for each request; else it turns into the requested one.
        folder: its work folder, where it runs without bubblewrap.
    """

    process: subprocess.Popen[bytes]
    control: socket.socket
    forks: bool
    folder: str | None

    def close(self) -> None:
        """Kill the process and all processes in it, and remove its folder."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def find_bubblewrap() -> str:
    """The program's path.

    Raises:
        InputError: it is not installed.
    """
    path = shutil.which("bwrap")
    if path is None:
        raise InputError(INSTALL)
    return path


def start_process(bounds: Bounds, packages: Sequence[Path], bubblewrap: bool, may_fork: bool) -> SandboxProcess:
    """Start a process. The calling thread must outlive it: the kernel kills the process when that thread ends.

    Raises:
        InputError: bubblewrap is missing, or cannot make namespaces here.
    """
    root = os.geteuid() == 0
    settings = {
        "bounds": asdict(bounds),
        "packages": [str(path) for path in packages],
        "drop_root": bubblewrap and root,
        "namespaces": bubblewrap and may_fork,
        "threads": bubblewrap and (may_fork or not root),
    }
    folder = None if bubblewrap else tempfile.mkdtemp(prefix="posttrain-code-")
    where = "/box" if bubblewrap else str(FOLDER.parent.parent.parent)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": folder or WORK,
        "LANG": "C.UTF-8",
        "PYTHONPATH": where,
        "PYTHONHASHSEED": "0",  # the same code, the same verdict
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    inner = [interpreter(), "-s", "-S", "-P", f"{where}/posttrain/rewards/sandbox/child.py", json.dumps(settings)]
    outer = bubblewrap_command(bounds, tuple(packages), environment, root, may_fork) if bubblewrap else []
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [*outer, *inner],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={} if bubblewrap else environment,
            cwd=folder or "/",
            start_new_session=True,
        )
    ours.settimeout(START_SECONDS)
    started = SandboxProcess(process, ours, False, folder)
    try:
        mode = ours.recv(64)
    except TimeoutError:
        mode = b""
    if mode not in (b"forks", b"single"):
        process.kill()
        _, errors = process.communicate()
        started.close()
        raise InputError(
            f"the sandbox does not start ({errors.decode(errors='replace').strip()[-300:] or 'no answer'}); "
            "check that `bwrap --unshare-all --ro-bind / / true` works for this user"
        )
    assert process.stderr is not None
    process.stderr.close()
    if settings["namespaces"] and mode == b"single":  # start it without /proc, which only the mode `forks` needs
        started.close()
        return start_process(bounds, packages, bubblewrap, may_fork=False)
    return SandboxProcess(process, ours, mode == b"forks", folder)


def bubblewrap_command(
    bounds: Bounds, packages: tuple[Path, ...], environment: dict[str, str], root: bool, may_fork: bool
) -> list[str]:
    """bubblewrap's part of the command: of the host only the interpreter, read-only; a new session; no network.

    Root starts it without a user namespace, and with the right to become nobody, which the child does first.
    """
    command = [find_bubblewrap(), "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    command += ["--unshare-uts", "--hostname", "sandbox"]
    command += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else ["--unshare-user"]
    for name, value in environment.items():
        command += ["--setenv", name, value]
    shared = [*interpreter_files(packages), *map(str, packages), "/box/posttrain/rewards/sandbox/x", "/dev/x"]
    for parent in sorted({str(parent) for path in shared for parent in Path(path).parents} - {"/"}):
        command += ["--perms", "0755", "--dir", parent]  # else only bubblewrap's user could read it
    for path in interpreter_files(packages):
        command += ["--ro-bind", path, path]
    for path in hidden_folders():
        command += ["--tmpfs", path, "--remount-ro", path]
    for path in packages:
        command += ["--ro-bind", str(path), str(path)]
    for name in SCRIPTS:
        command += ["--ro-bind", str(FOLDER / f"{name}.py"), f"/box/posttrain/rewards/sandbox/{name}.py"]
    for device in ("null", "zero", "urandom", "random"):
        command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    # The work folder of a child that cannot mount one. A child that can mounts over it, and over /proc.
    command += ["--perms", "1777", "--size", str(bounds.files), "--tmpfs", WORK]
    command += ["--proc", "/proc"] if may_fork else []
    return [*command, "--remount-ro", "/", "--chdir", "/"]


@lru_cache(maxsize=1)
def interpreter() -> str:
    """The path of this interpreter's program, outside any virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


@lru_cache(maxsize=4)
def interpreter_files(packages: tuple[Path, ...]) -> tuple[str, ...]:
    """The interpreter, its standard library, and the shared libraries that they are linked with.

    Raises:
        InputError: the libraries cannot be listed.
    """
    library = sysconfig.get_path("stdlib")
    modules = [*Path(library, "lib-dynload").glob("*.so"), *(so for path in packages for so in path.rglob("*.so*"))]
    linked = [str(path) for path in modules if not path.name.startswith(NOT_NEEDED)]
    try:
        listed = subprocess.run(["ldd", interpreter(), *linked], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        raise InputError("`ldd` is not installed; the sandbox needs it to find the interpreter's libraries") from None
    libraries = set(re.findall(r"(/\S+) \(0x", listed))
    libc = next((Path(path).parent for path in libraries if "libc" in Path(path).name), Path("/"))
    libraries |= {str(path) for path in libc.glob("libgcc_s.so.1")}  # loaded when a thread ends
    within = [path for path in libraries if not path.startswith((f"{library}/", *(f"{p}/" for p in packages)))]
    return (interpreter(), library, *sorted(within))


def hidden_folders() -> tuple[str, ...]:
    """Folders of installed packages inside the standard library's folder."""
    places = [Path(sysconfig.get_path("stdlib"), name) for name in ("site-packages", "dist-packages")]
    return tuple(str(path) for path in places if path.is_dir())
