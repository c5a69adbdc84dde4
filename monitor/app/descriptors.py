"""How many files and sockets the process may have open."""

import contextlib
import resource

_ENOUGH = 65_536
"""More is never needed; a hard limit may be a thousand million."""


def raise_limit() -> int:
    """Raise the soft limit of descriptors as far as the hard one allows; what it is now.

    The soft one is often 1024, for the sake of programs that use select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it; it goes on with what it has
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
