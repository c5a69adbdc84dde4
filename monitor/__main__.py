"""`python -m monitor` and `workflow-monitor`: one entry, before anything heavy is imported."""

import signal
import sys


def main() -> int:
    """Run the command line; the exit code.

    SIGHUP asks `run` to reload. Until its handler is there, a second and more after the start, the signal must not end
    the process: systemd takes a death by SIGHUP for a clean end and restarts nothing.
    """
    if "run" in sys.argv[1:2]:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from monitor.cli import main as cli  # noqa: PLC0415 - it imports for a second, and the signal may come meanwhile

    return cli()


if __name__ == "__main__":
    sys.exit(main())
