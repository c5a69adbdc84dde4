"""`make bench`: measures what is promised, and prints it. Names of benches run only those."""

import sys
import time

from tests.bench.ack_latency import run as ack_latency
from tests.bench.budget import run as budget
from tests.bench.ends import run as ends
from tests.bench.house import Figure, say
from tests.bench.hundred_thousand import run as hundred_thousand
from tests.bench.list_looks import run as list_looks
from tests.bench.looks import run as looks
from tests.bench.memory import run as memory
from tests.bench.micro import run as micro
from tests.bench.poll_cpu import run as poll_cpu
from tests.bench.scrape import run as scrape
from tests.bench.steps import run as steps
from tests.bench.storm import run as storm

_BENCHES = {
    "poll-cpu": poll_cpu,
    "ack-latency": ack_latency,
    "storm": storm,
    "budget": budget,
    "hundred-thousand": hundred_thousand,
    "list-looks": list_looks,
    "looks": looks,
    "scrape": scrape,
    "ends": ends,
    "steps": steps,
    "memory": memory,
    "micro": micro,
}
_WORDS = {True: "yes", False: "NO", None: ""}


def main(names: list[str]) -> None:
    if unknown := set(names) - _BENCHES.keys():
        sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(_BENCHES)}")
    figures: list[Figure] = []
    for name in names or _BENCHES:
        began = time.monotonic()
        figures += _BENCHES[name]()
        say(f"  {name}: {time.monotonic() - began:.0f} s")
    _print(figures)


def _print(figures: list[Figure]) -> None:
    rows = [("figure", "measured", "target", "reached")]
    rows += [(one.name, one.value, one.target, _WORDS[one.reached]) for one in figures]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if not number:
            say("  ".join("-" * width for width in widths))


if __name__ == "__main__":
    main(sys.argv[1:])
