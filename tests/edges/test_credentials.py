"""Keys: read where they are, read again when they change, shown nowhere."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.upstream.credentials import CredentialError, FileCredential, LiteralCredential, in_a_thread

SECRET = "s3cr3t.of-the_account+/="


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(SECRET)
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"], ids=["none", "newline", "windows", "two"])
def test_the_newline_at_the_end_of_a_file_is_not_part_of_the_key(key: Path, end: str) -> None:
    key.write_bytes((SECRET + end).encode())
    assert FileCredential(key).bearer() == SECRET


def test_a_file_that_is_not_there_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=r"absent: No such file or directory"):
        FileCredential(tmp_path / "absent")


def test_a_directory_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="Is a directory"):
        FileCredential(tmp_path)


UNFIT = {
    "empty": ("", "it is empty"),
    "newlines": ("\n\n", "it is empty"),
    "a blank": (SECRET + " x", "character 25 cannot stand in a header"),
    "blank at the front": (" " + SECRET, "character 1 cannot"),
    "two lines": (f"{SECRET}\n{SECRET}", "character 25 cannot"),
    "nul": (f"{SECRET}\0", "character 25 cannot"),
    "umlaut": (f"{SECRET}ä", "character 25 cannot"),
    "long": ("x" * 8193, "at most 8192"),
}


@pytest.mark.parametrize("made", ["file", "literal"])
@pytest.mark.parametrize(("text", "said"), UNFIT.values(), ids=UNFIT.keys())
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: Path, text: str, said: str, made: str) -> None:
    key.write_text(text)
    makers: dict[str, Callable[[], object]] = {
        "file": lambda: FileCredential(key),
        "literal": lambda: LiteralCredential(text),
    }
    with pytest.raises(CredentialError, match=said) as caught:
        makers[made]()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff", "holds no text in UTF-8"), (b"x" * 65_537, "too large"), (b"x" * 8192 + b"\ny", "at most 8192")],
    ids=["bytes", "large", "long line before another"],
)
def test_a_file_that_holds_something_else_is_no_key(key: Path, content: bytes, said: str) -> None:
    key.write_bytes(content)
    with pytest.raises(CredentialError, match=said):
        FileCredential(key)


def test_a_changed_file_is_read_again_at_most_once_a_second(key: Path, clock: Clock) -> None:
    credential = FileCredential(key, clock=clock)
    key.write_text("another")
    clock.seconds = 0.9
    assert credential.bearer() == SECRET
    clock.seconds = 1.0
    assert credential.bearer() == "another"


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_noticed(key: Path, clock: Clock, tmp_path: Path) -> None:
    credential = FileCredential(key, clock=clock)
    other = tmp_path / "other"
    other.write_text(SECRET[::-1])
    stat = key.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(key)
    clock.seconds = 1.0
    assert credential.bearer() == SECRET[::-1]


def test_a_link_that_is_swapped_is_noticed(clock: Clock, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(f"key-{name}")
    link = tmp_path / "now"
    link.symlink_to("one")
    credential = FileCredential(link / "key", clock=clock)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(link)
    clock.seconds = 1.0
    assert credential.bearer() == "key-two"


def test_an_unchanged_file_is_not_read_again(key: Path, clock: Clock) -> None:
    credential = FileCredential(key, clock=clock)
    before = credential.bearer()
    clock.seconds = 5.0
    assert credential.bearer() is before


def test_a_refused_key_is_read_again_at_once(key: Path, clock: Clock) -> None:
    credential = FileCredential(key, clock=clock)
    key.write_text("another")
    credential.refresh()
    assert credential.bearer() == "another"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda key: key.write_text(""), lambda key: key.write_text("a b")])
def test_the_last_key_stays_in_use_while_its_file_cannot_be_used_and_that_is_said_once(
    key: Path, clock: Clock, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object]
) -> None:
    caplog.set_level(logging.DEBUG)
    credential = FileCredential(key, clock=clock)
    spoil(key)
    for seconds in (1.0, 2.0, 3.0):
        clock.seconds = seconds
        assert credential.bearer() == SECRET
    assert str(key) in str(credential.trouble)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    key.write_text("another")
    clock.seconds = 4.0
    assert credential.bearer() == "another"
    assert credential.trouble is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert not [text for text in (SECRET, "another") if text in caplog.text + repr(credential)]


def test_a_disk_that_hangs_holds_up_nobody_who_asks_for_the_key(key: Path, clock: Clock) -> None:
    credential = FileCredential(key, clock=clock, aside=in_a_thread)
    key.unlink()
    os.mkfifo(key)  # who opens it waits for a writer
    for seconds in (1.0, 2.0, 3.0):
        clock.seconds = seconds
        assert credential.bearer() == SECRET
    credential.refresh()
    [look] = [thread for thread in threading.enumerate() if thread.name == "key"]
    with key.open("wb") as writer:  # the disk is back
        writer.write(b"another")
    look.join(10.0)
    assert credential.bearer() == "another"


def test_no_key_shows_in_a_repr(key: Path) -> None:
    credentials = [FileCredential(key), LiteralCredential(SECRET, "variable KEY"), LiteralCredential(SECRET)]
    assert [repr(credential) for credential in credentials] == [
        f"FileCredential({key})",
        "LiteralCredential(variable KEY)",
        "LiteralCredential(the key)",
    ]
    assert SECRET not in f"{credentials!s}"
