"""The system calls that the tested code may not use: a seccomp filter, which a process installs before it runs code.

Refused are new processes and other programs (threads are allowed); sockets, except a pair without a name; reading from
or sending signals to another process; locks or watches on shared files; memory that the limits do not count; mounts and
namespaces. Calls newer than Linux 5.1 fail with ENOSYS: so the C library uses the older ones, and io_uring, pidfd and
future calls are closed.

Layout of the filter: <linux/filter.h>, <linux/seccomp.h>; numbers: the kernel's tables of x86_64 and arm64.
"""

import ctypes
import errno
import os
import platform
import struct
from functools import cache

# fmt: off
REFUSED: dict[str, tuple[int | None, int | None]] = {  # name: number on (x86_64, aarch64)
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "socket": (41, 198), "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "memfd_create": (319, 279), "shmget": (29, 194),
    "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "quotactl": (179, 60), "acct": (163, 89), "syslog": (103, 116), "personality": (135, 92), "iopl": (172, None),
    "ioperm": (173, None), "modify_ldt": (154, None), "vhangup": (153, 58), "fanotify_init": (300, 262),
    "io_setup": (206, 0), "clock_settime": (227, 112), "settimeofday": (164, 170), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162),
    "lookup_dcookie": (212, 18), "migrate_pages": (256, 238), "move_pages": (279, 239), "mbind": (237, 235),
    "set_mempolicy": (238, 237), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setattr": (314, 274), "sched_setparam": (142, 118),
    "ioprio_set": (251, 30), "mknod": (133, None), "mknodat": (259, 33), "uselib": (134, None),
    "sysfs": (139, None), "ustat": (136, None), "seccomp": (317, 277), "flock": (73, 32),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "bind": (49, 200), "connect": (42, 203),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "mincore": (27, 232),
}
# fmt: on
CLONE = (56, 220)
TO_A_PROCESS = ((62, 129), (234, 131), (302, 261))
"""kill, tgkill and prlimit64, which are allowed only on the process itself."""

FCNTL = (72, 25)
LOCKS = (5, 6, 7, 36, 37, 38, 1024, 1025, 1026)
"""Commands of fcntl that are refused: locks, leases and notifications, which other processes with the file can see."""

SENDTO = (44, 206)
"""Allowed only without an address, which means to the other end of a pair."""

NEW = 424
"""The first number that all architectures share; calls from here on fail with ENOSYS."""

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the tables above, and the kernel's name of the architecture."""

CLONE_THREAD = 0x10000
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT, FIFTH_ARGUMENT = 0, 4, 16, 24, 48
"""Offsets in `struct seccomp_data`. Those of arguments are the lower halves, on little-endian machines."""


def supported() -> bool:
    """Whether the filter knows the system calls of this machine."""
    return platform.system() == "Linux" and platform.machine() in MACHINES


@cache
def filter_program(own_pid: int) -> bytes:
    """The filter's instructions, for a process with this number."""
    column, architecture = MACHINES[platform.machine()]
    refuse = _step(RETURN, ERRNO | errno.EPERM)
    steps = [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, architecture, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER),
        _step(AT_LEAST, NEW, 0, 1),
        _step(RETURN, ERRNO | errno.ENOSYS),
    ]
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            steps += [_step(EQUAL, number, 0, 1), refuse]
    steps += [
        _step(EQUAL, CLONE[column], 0, 4),
        _step(LOAD, FIRST_ARGUMENT),
        _step(ANY_BIT, CLONE_THREAD, 1, 0),
        refuse,
        _step(RETURN, ALLOW),
    ]
    steps += [_step(EQUAL, FCNTL[column], 0, 3 + len(LOCKS)), _step(LOAD, SECOND_ARGUMENT)]
    steps += [_step(EQUAL, command, len(LOCKS) - n, 0) for n, command in enumerate(LOCKS)]
    steps += [_step(RETURN, ALLOW), refuse]
    steps += [_step(EQUAL, SENDTO[column], 0, 6)]
    steps += [_step(LOAD, FIFTH_ARGUMENT), _step(EQUAL, 0, 0, 3), _step(LOAD, FIFTH_ARGUMENT + 4)]
    steps += [_step(EQUAL, 0, 0, 1), _step(RETURN, ALLOW), refuse]
    for call in TO_A_PROCESS:
        steps += [
            _step(EQUAL, call[column], 0, 5),
            _step(LOAD, FIRST_ARGUMENT),
            _step(EQUAL, own_pid, 2, 0),
            _step(
                EQUAL, 0, 1 if call is TO_A_PROCESS[2] else 0, 0
            ),  # prlimit64(0) is the process itself, kill(0) a group
            refuse,
            _step(RETURN, ALLOW),
        ]
    return b"".join([*steps, _step(RETURN, ALLOW)])


def install_filter() -> None:
    """Install the filter on this process; nothing can remove it.

    Raises:
        OSError: the kernel refuses it.
    """
    code = filter_program(os.getpid())
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))  # struct sock_fprog
    no_new_privileges, set_seccomp, filtered = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(set_seccomp, filtered, header, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
