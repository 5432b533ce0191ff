"""The end of a process that holds thousands of rules."""

from __future__ import annotations

import atexit
import os
import sys
import threading


def exit_at_once(ended: SystemExit) -> None:
    """End this process as its exit handlers leave it, without freeing its memory object by object.

    Python takes up to a tenth of a command's time for what the system does at once. Returns where the process must
    end as usual: another thread is still at work, or its output cannot be written.
    """
    code = 0 if ended.code is None else ended.code
    if not isinstance(code, int) or threading.active_count() > 1:
        return
    atexit._run_exitfuncs()  # noqa: SLF001 - as a process that was forked ends in `multiprocessing`
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return
    os._exit(code)
