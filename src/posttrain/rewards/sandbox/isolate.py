"""Confine a process before it reads the tested code: namespaces, file system, limits and system calls.

It runs within bubblewrap's sandbox, which has no network, no host files, and no way to gain a privilege. In addition,
each process of a check has its own namespaces. It is the first process of its process namespace, so its end kills all
its descendants, and it can name no other process. Its user namespace is below its parent's, so the kernel denies it
access to the parent (user_namespaces(7), ptrace(2)).
"""

import ctypes
import os
import resource
from dataclasses import dataclass
from typing import Any

from posttrain.rewards.sandbox import seccomp

NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x10000000 | 0x20000000  # mount, IPC, user, process
SIGCHLD = 17
CLONE = {"x86_64": 56, "aarch64": 220}
NOBODY = 65534
WORK = "/tmp"
MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
MS_RDONLY = 1

libc: Any = ctypes.PyDLL(None, use_errno=True)  # PyDLL: this thread keeps the interpreter's lock across clone


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a process. Sizes are in bytes."""

    cpu_seconds: int
    memory: int
    files: int
    open_files: int
    threads: int


def drop_root() -> None:
    """Change the user from root to nobody, so that the kernel counts threads and no file of root is ours.

    It needs CAP_SETUID.
    """
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    _call("prctl", 4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: else root owns /proc/self/uid_map of our children


def fork_into_namespaces() -> int:
    """`os.fork` into new namespaces: 0 in the child.

    Raises:
        OSError: the kernel allows no new namespaces.
    """
    # glibc's clone needs a stack, and os.unshare would move this process too: the system call forks as `os.fork` does
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = libc.syscall(CLONE[os.uname().machine], ctypes.c_ulong(NEW_NAMESPACES | SIGCHLD), 0, 0, 0, 0)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    number = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, os.strerror(number))
    return pid


def enter_namespaces(user: int, group: int, bounds: Bounds) -> None:
    """Set up new namespaces: a user, a work folder, no /proc and no capability.

    Args:
        user: number of the user outside, read before the fork, since the new namespace has no user yet.
        group: number of the group outside.
    """
    for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {user} 1"), ("gid_map", f"1000 {group} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(fd, text.encode())
        os.close(fd)
    flags = MS_NOSUID_NODEV_NOEXEC
    _call("mount", b"tmpfs", WORK.encode(), b"tmpfs", flags, f"size={bounds.files},nr_inodes=4096,mode=700".encode())
    _call("mount", b"tmpfs", b"/proc", b"tmpfs", flags | MS_RDONLY, b"size=4k,nr_inodes=2")
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capset(2), version 3
    _call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


def apply_limits(bounds: Bounds, threads: bool, first: bool) -> None:
    """Set limits that no call can raise again, then the filter of system calls.

    Args:
        threads: limit their number. The kernel counts by user, so this needs a user without other processes.
        first: this is the first process of its namespace, on which only SIGKILL works.
    """
    caps = {
        resource.RLIMIT_CPU: bounds.cpu_seconds,
        resource.RLIMIT_AS: bounds.memory,
        resource.RLIMIT_FSIZE: bounds.files,
        resource.RLIMIT_NOFILE: bounds.open_files,
        resource.RLIMIT_CORE: 0,
    }
    if threads:
        caps[resource.RLIMIT_NPROC] = bounds.threads
    for name, cap in caps.items():
        hard = resource.getrlimit(name)[1]
        # SIGXCPU names the cause; SIGKILL follows a second later
        room = cap + 1 if name == resource.RLIMIT_CPU and not first else cap
        room = room if hard == resource.RLIM_INFINITY else min(room, hard)
        resource.setrlimit(name, (min(cap, room), room))
    if seccomp.supported():
        seccomp.install_filter()


def _call(name: str, *arguments: Any) -> None:
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
