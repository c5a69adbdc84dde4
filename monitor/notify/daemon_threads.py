"""Threads for libraries that block: a service that never answers delays neither others nor the end of the process."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_MOST: Final = 64


class DaemonThreadExecutor(Executor):
    """One daemon thread for each call, since Python would wait for the threads of a pool before it ends."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(_MOST)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Raises RuntimeError if too many calls hang."""
        if not self._free.acquire(blocking=False):
            raise RuntimeError(f"{_MOST} calls are under way, and none of them ends")
        future: Future[T] = Future()

        def run() -> None:
            try:
                if future.set_running_or_notify_cancel():
                    future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is raised at the caller
                future.set_exception(error)
            finally:
                self._free.release()

        threading.Thread(target=run, name="library", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits for no call."""
