"""Run as a script, between fork and the real program: `shim.py PARENT SIGNAL UID GID CWD PROGRAM ARGUMENT...`.

Drops root for good, asks the kernel for SIGNAL when PARENT dies, then becomes PROGRAM. A dash stands for "leave it".
A script and not a `preexec_fn`, because running Python between fork and exec may hang a process that has threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, signal: str, uid: str, gid: str, cwd: str, *command: str) -> None:
    if cwd != "-":
        os.chdir(cwd)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    # After setuid, which would clear it. Where there is no prctl the next start finds and ends what was left.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal))
        if os.getppid() != int(parent):
            sys.exit("the parent died before its child could start")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
