"""Hostile code by the kind of its attack. Each code defines ``f``.

FORGERIES try to pass a test whose value they cannot know. BREAKOUTS return True where the attack works. EXHAUSTIONS try
to use more than their share, or to stay alive; each comes with its possible verdicts.
"""

from sandbox_boxes import MARKER

CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def syscall(*arguments):
    return libc.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
"""

FORGERIES = {
    "equality always true": "class Yes:\n def __eq__(self, o): return True\n __hash__ = None\ndef f(): return Yes()",
    "a string that equals all": "class S(str):\n def __eq__(self, o): return True\n def __hash__(self): return 0\n"
    "def f(): return S('x')",
    "a list that equals all": "class L(list):\n def __eq__(self, o): return True\ndef f(): return L()",
    "an int that equals all": "class I(int):\n def __eq__(self, o): return True\ndef f(): return I()",
    "pretended class": "class P:\n __class__ = property(lambda s: str)\n def __eq__(self, o): return True\n"
    "def f(): return P()",
    "exit 0 on import": "import sys; sys.exit(0)",
    "exit 0 in the call": "import sys\ndef f(): sys.exit(0)",
    "os._exit 0 on import": "import os; os._exit(0)",
    "os._exit 0 in the call": "import os\ndef f(): os._exit(0)",
    "exit at exit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(): raise SystemExit(0)",
    "printed verdict": 'def f():\n print(\'["passed", ""]\', flush=True); print("PASS OK 1 passed"); return 0',
    "verdict on every descriptor": "import os\ndef f():\n for fd in range(1024):\n  try: os.write(fd, "
    'b\'["passed", ""]\')\n  except OSError: pass\n os._exit(0)',
    "verdict as a frame": "import os, json\ndef f():\n d = json.dumps(['passed', '']).encode()\n"
    " os.write(4, len(d).to_bytes(4, 'big') + d); os._exit(0)",
    "replies ahead": "import os, json\nfor i in range(99):\n d = json.dumps(['value', 1]).encode()\n"
    " os.write(4, len(d).to_bytes(4, 'big') + d)\ndef f(): return 1",
    "patched assert and builtins": "import builtins\nclass A(Exception):\n def __new__(c, *a): os._exit(0)\n"
    "builtins.AssertionError = A\nbuiltins.all = builtins.any = builtins.bool = lambda *a: True\n"
    "builtins.compile = builtins.exec = builtins.isinstance = lambda *a: None\ndef f(): return 0",
    "patched harness": "import sys\nfor n, m in list(sys.modules.items()):\n if 'sandbox' in n or n == '__main__':\n"
    "  for k in list(vars(m)):\n   if callable(vars(m)[k]): setattr(m, k, lambda *a, **b: ('passed', ''))\n"
    "def f(): return 0",
    "patched json": 'import json\njson.dumps = lambda *a, **b: \'["passed", ""]\'\ndef f(): return 0',
    "stack inspection": "import sys\ndef f():\n frame = sys._getframe()\n while frame:\n"
    "  for v in [*frame.f_locals.values(), *frame.f_globals.values(), *frame.f_code.co_consts]:\n"
    "   if isinstance(v, str) and 'sesame' in v and len(v) < 40: return v\n  frame = frame.f_back",
    "memory search": "import gc\ndef f():\n n = 'ses' + 'ame-'\n seen = []\n"
    " for o in gc.get_objects():\n  for v in (o.values() if isinstance(o, dict) else o if isinstance(o, (list, tuple))"
    " else ()):\n   if isinstance(v, str) and v.startswith(n): return v",
    "own memory through proc": "import re\ndef f():\n for n in ('self', 'thread-self', '1'):\n"
    "  m = re.search(rb'sesame-[0-9a-f]{16}', open(f'/proc/{n}/mem', 'rb').read())\n  if m: return m[0].decode()",
    "command lines and environment": "import glob, re\ndef f():\n"
    " t = b''.join(open(p, 'rb').read() for p in glob.glob('/proc/*/cmdline') + glob.glob('/proc/*/environ'))\n"
    " return re.search(rb'sesame-[0-9a-f]{16}', t)[0].decode()",
    "the test from the file system": "import os, sys\ndef f():\n for d, _, ns in os.walk('/'):\n  for n in ns:\n"
    "   if n.endswith(('.py', '.txt', '.json')) and not d.startswith((sys.base_prefix, '/usr', '/lib')):\n"
    "    t = open(os.path.join(d, n), errors='replace').read()\n"
    "    i = t.find('ses' + 'ame-')\n    if i >= 0: return t[i:i+23]",
    "job read again": "import os, re\ndef f():\n for fd in range(3, 64):\n  try: t = os.read(fd, 65536)\n"
    "  except OSError: continue\n  m = re.search(rb'sesame-[0-9a-f]{16}', t)\n  if m: return m[0].decode()",
    "redefined check": "def check(candidate): pass\ncandidate = None\ndef f(): return 0",
    "its own assertion error": "def f(): raise AssertionError('passed')",
    "exception with a hostile text": "import os\nclass E(Exception):\n def __str__(s): os._exit(0)\ndef f(): raise E",
    "unpicklable": "def f(): return lambda: True",
    "pickle bomb": "class B:\n def __reduce__(self): import os; return os._exit, (0,)\ndef f(): return B()",
    "endless generator": "def f():\n while True: yield 1",
    "nested beyond reason": "def f():\n x = []\n for _ in range(10 ** 5): x = [x]\n return x",
    "a value in itself": "def f():\n x = []\n x.append(x)\n return x",
    "tracing": "import sys\ndef t(*a):\n import os; os._exit(0)\nsys.settrace(t); sys.setprofile(t)\ndef f(): return 0",
    "thread that exits": "import os, threading\nthreading.Thread(target=lambda: os._exit(0)).start()\n"
    "def f():\n while True: pass",
    "garbage on the calls": "import os\ndef f(): os.write(4, b'\\xff' * 10 ** 6)",
    "half a frame, then silence": "import os, time\ndef f(): os.write(4, b'\\0\\0'); time.sleep(99)",
}

BREAKOUTS = {
    "password file": "def f(): return bool(open('/etc/passwd').read())",
    "home folder": "import os, sys\ndef f():\n"
    " return any(not sys.base_prefix.startswith(os.path.join(HOME, n)) for n in os.listdir(HOME))",
    "project": "def f(): return bool(open(PROJECT).read())",
    "environment secrets": "import os\ndef f():\n"
    " return 'SECRET_TOKEN' in os.environ or bool(open('/proc/1/environ').read())",
    "write outside": f"def f():\n open('/{MARKER}', 'w').write('x'); return True",
    "write to the library": f"import os\ndef f():\n open(os.path.dirname(os.__file__) + '/{MARKER}', 'w'); return True",
    "write to the harness": "def f():\n open('/box/posttrain/rewards/sandbox/child.py', 'a').write('x'); return True",
    "symlink out": "import os\ndef f():\n os.symlink('/etc/passwd', '/tmp/l'); return bool(open('/tmp/l').read())",
    "symlink through proc": "import os\ndef f():\n"
    " os.symlink(os.path.join('/proc/1', 'root', 'etc'), 'l'); return bool(os.listdir('l'))",
    "hard link": "import os\ndef f():\n os.link(os.__file__, '/tmp/l'); return True",
    "device node": "import os\ndef f():\n os.mknod('/tmp/d', 0o60600, os.makedev(254, 0)); return True",
    "network": "import socket\ndef f():\n socket.create_connection(('1.1.1.1', 53), 2); return True",
    "name lookup": "import socket\ndef f(): return bool(socket.getaddrinfo('example.com', 80))",
    "loopback": "import socket\ndef f():\n s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); return True",
    "abstract socket": "import socket\ndef f():\n s = socket.socket(socket.AF_UNIX); s.bind('\\0x'); return True",
    "abstract name of a pair": "import socket\ndef f():\n socket.socketpair()[0].bind('\\0' + 'x'); return True",
    "abstract name of a pair, given by the kernel": "import socket as s\ndef f():\n"
    " a, b = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM)\n a.setsockopt(s.SOL_SOCKET, s.SO_PASSCRED, 1)\n"
    " for send in (lambda: a.sendto(b'x', '\\0nobody'), lambda: a.sendmsg([b'x'], [], 0, '\\0nobody')):\n"
    "  try: send()\n  except OSError: pass\n return a.getsockname() != ''",
    "name of the host": "import os\ndef f(): return os.uname().nodename != 'sandbox'",
    "lock on a shared file": "import fcntl, os\ndef f():\n fcntl.flock(open(os.__file__), fcntl.LOCK_EX); return True",
    "record lock on a shared file": "import fcntl, os\ndef f():\n"
    " fcntl.lockf(open(os.__file__), fcntl.LOCK_SH); return True",
    "lease on a shared file": "import fcntl, os\ndef f():\n"
    " fcntl.fcntl(open(os.__file__), fcntl.F_GETLEASE); return True",
    "watch on shared files": CALL + "def f(): return libc.inotify_init1(0) >= 0",
    "child process": "import os\ndef f():\n if os.fork() == 0: os._exit(0)\n return True",
    "shell": "import subprocess\ndef f(): return subprocess.run(['/bin/sh', '-c', 'true']).returncode == 0",
    "another program": "import os, sys\ndef f():\n os.execv(sys.executable, ['python', '-c', '0'])",
    "double fork, to outlive": f"import os, time\ndef f():\n if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
    f"   time.sleep(60); open('/tmp/{MARKER}', 'w')\n  os._exit(0)\n return True",
    "multiprocessing": "import multiprocessing as m\ndef f():\n p = m.Process(target=print); p.start(); return True",
    "ptrace": CALL + "def f(): return libc.ptrace(16, 1, 0, 0) == 0 or libc.ptrace(0, 0, 0, 0) == 0",
    "another's memory": CALL + "def f(): return libc.process_vm_readv(1, None, 0, None, 0, 0) == 0",
    "signal to all": "import os, signal\ndef f():\n os.kill(-1, signal.SIGKILL); return True",
    "signal to the parent": "import os, signal\ndef f():\n os.kill(os.getppid() or 2, signal.SIGKILL); return True",
    "signal to the group": "import os, signal\ndef f():\n os.killpg(0, signal.SIGTERM); return True",
    "other processes in proc": "import os\ndef f(): return any(n.isdigit() for n in os.listdir('/proc'))",
    "files of the harness in proc": "import os\ndef f(): return bool(os.listdir('/proc/self/fd'))",
    "proc again": CALL + "def f():\n os.mkdir('/tmp/p'); return libc.mount(b'proc', b'/tmp/p', b'proc', 0, None) == 0",
    "uncover proc": CALL + "def f(): return libc.umount2(b'/proc', 2) == 0",
    "new user namespace": CALL + "def f(): return libc.unshare(0x10000000) == 0",
    "change root": "import os\ndef f():\n os.chroot('/tmp'); return True",
    "become root": "import os\ndef f():\n os.setuid(0); return True",
    "io_uring": CALL + "def f(): return syscall(425, 8, ctypes.create_string_buffer(120)) >= 0",
    "process descriptor": "import os\ndef f(): return os.pidfd_open(1) >= 0",
    "memory file": "import os\ndef f(): return os.memfd_create('x') >= 0",
    "shared memory": CALL + "def f(): return libc.shmget(1234, 1 << 20, 0o1600) >= 0",
    "keyring": CALL + "def f(): return syscall({'x86_64': 250, 'aarch64': 219}[os.uname().machine], 0, -3, 1) >= 0",
    "handle of a file": CALL + "def f(): return libc.open_by_handle_at(-100, None, 0) >= 0 or ctypes.get_errno() != 1",
    "raise the limits": "import resource as r\ndef f():\n r.setrlimit(r.RLIMIT_AS, (-1, -1)); return True",
    "host packages": "def f():\n import pydantic, torch; return True",
    "hidden packages": "import os\ndef f():\n p = os.path.dirname(os.__file__) + '/site-packages'\n"
    " return bool(os.listdir(p))",
    "devices": "import os\ndef f(): return set(os.listdir('/dev')) > {'null', 'zero', 'random', 'urandom'}",
    "terminal": "import os\ndef f(): return os.open('/dev/tty', os.O_RDWR) >= 0",
    "what an earlier check left": f"import os\ndef f():\n if os.path.exists('/tmp/{MARKER}'): return True\n"
    f" open('/tmp/{MARKER}', 'w').close(); return False",
}

EXHAUSTIONS = {
    "fork bomb": ("import os\ndef f():\n while True: os.fork()", {"error"}),
    "fork bomb that goes on": (
        "import os\ndef f():\n while True:\n  try: os.fork()\n  except OSError: pass",
        {"timeout"},
    ),
    "thread bomb": (
        "import threading, time\ndef f():\n while True: threading.Thread(target=time.sleep, args=(99,)).start()",
        {"error"},
    ),
    "memory bomb": ("def f():\n x = []\n while True: x.append(bytearray(1 << 24))", {"memory"}),
    "memory at once": ("def f(): return len(bytearray(1 << 40))", {"memory"}),
    "memory on import": ("x = [0] * 10 ** 10\ndef f(): return 1", {"memory"}),
    "mapped memory": ("import mmap\ndef f():\n return len(mmap.mmap(-1, 1 << 36))", {"error", "memory"}),
    "a gigabyte of output": ("def f():\n for _ in range(1 << 10): print('x' * (1 << 20))", {"output"}),
    "a gigabyte of errors": ("import os\ndef f():\n while True: os.write(2, b'x' * 65536)", {"output"}),
    "a gigabyte returned": ("def f(): return 'x' * (1 << 28)", {"refused", "memory", "error"}),
    "a frame of four gigabytes": ("import os\ndef f():\n os.write(4, b'\\xff\\xff\\xff\\xff')", {"refused"}),
    "full disk": (
        "def f():\n for i in range(99):\n  open(f'/tmp/{i}', 'wb').write(b'x' * (8 << 20))",
        {"error"},
    ),
    "huge sparse file": ("import os\ndef f(): os.truncate(os.open('/tmp/x', 65), 1 << 40)", {"error"}),
    "many files": ("def f():\n for i in range(10 ** 6): open(f'/tmp/{i}', 'w').close()", {"error", "timeout"}),
    "open files": ("def f():\n x = []\n while True: x.append(open('/dev/null'))", {"error"}),
    "infinite loop": ("def f():\n while True: pass", {"timeout"}),
    "infinite loop on import": ("while True: pass", {"timeout"}),
    "long arithmetic in C": ("def f(): return len(bin(3 ** (10 ** 9)))", {"timeout", "memory"}),
    "catastrophic pattern": ("import re\ndef f(): return re.match(r'(a|a)*$', 'a' * 60 + 'b')", {"timeout"}),
    "sleep": ("import time\ndef f(): time.sleep(10 ** 6)", {"timeout"}),
    "reading for ever": ("import os\ndef f(): return os.read(4, 1)", {"timeout"}),
    "ignored signals": (
        "import signal, time\nfor s in set(signal.Signals) - {9, 19}:\n signal.signal(s, signal.SIG_IGN)\n"
        "def f():\n while True:\n  try: time.sleep(9)\n  except: pass",
        {"timeout"},
    ),
    "swallowed exceptions": (
        "def f():\n while True:\n  try:\n   while True: pass\n  except BaseException: pass",
        {"timeout"},
    ),
    "stop itself": (
        "import os, signal\ndef f():\n os.kill(os.getpid(), signal.SIGSTOP)\n while True: pass",
        {"timeout"},
    ),
    "kill itself": ("import ctypes\ndef f(): ctypes.string_at(0)", {"error"}),
    "endless recursion": ("def f(): return f()", {"error"}),
    "recursion without limit": (
        "import sys\nsys.setrecursionlimit(2 ** 31 - 1)\ndef f(): return f()",
        {"memory", "error", "timeout"},
    ),
    "recursion in C": (
        "import sys\nsys.setrecursionlimit(2 ** 31 - 1)\nx = []\nfor _ in range(10 ** 6): x = [x]\n"
        "def f(): return repr(x)",
        {"memory", "error", "timeout"},
    ),
    "compiler bomb": ("def f(): return eval('(' * 10 ** 6)", {"error", "memory"}),
    "threads that outlive": (
        "import threading, time\ndef run():\n while True: time.sleep(0.01)\n"
        "threading.Thread(target=run).start()\ndef f(): return 0",
        {"failed"},
    ),
    "exit that waits": ("import atexit, time\natexit.register(time.sleep, 99)\ndef f(): return 0", {"failed"}),
    "null bytes in the code": ("def f():\0 return 1", {"error"}),
    "control characters for the log": ("def f(): raise ValueError('\\x1b]0;owned\\x07\\x1b[2J')", {"error"}),
}
