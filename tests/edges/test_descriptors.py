"""A process that lacks descriptors asks for more, and takes the lack for nothing else."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.app import raise_limit
from monitor.settings.fingerprint import fingerprint


@contextmanager
def soft_limit(count: int) -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised_as_far_as_it_goes() -> None:
    with soft_limit(256) as hard:
        assert raise_limit() == min(hard, 65_536)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, 65_536)


def test_without_descriptors_nobody_can_tell_whether_the_configuration_changed(tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text("accounts: []")
    paths = [file, tmp_path / "*.yaml"]
    before = fingerprint(paths)
    highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    with soft_limit(highest + 8):
        taken = []
        try:
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            assert fingerprint(paths) is None
        finally:
            for one in taken:
                os.close(one)
    assert fingerprint(paths) == before is not None
