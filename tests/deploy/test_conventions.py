"""What a running demo shows on `/metrics` is as the conventions of Prometheus ask."""

import aiohttp
import pytest

from tests.crash.running import eventually, process
from tests.deploy.programs import answers, free_port, said
from tests.deploy.shipped import families


async def test_promtool_has_nothing_to_say_about_the_metrics_of_a_demo() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    async with process("demo", "--port", address.rpartition(":")[2]) as demo, aiohttp.ClientSession() as session:
        await eventually(lambda: not demo.lives or answers(session, f"{address}/-/ready"), "readiness")
        assert demo.lives, demo.stderr
        async with session.get(f"{address}/metrics") as response:
            text = await response.read()
    assert text.count(b"# HELP") > 30
    assert await said("promtool", "check", "metrics", stdin=text) == (0, "")


@pytest.mark.parametrize(
    ("ending", "said_as"), [("_seconds", "second"), ("_bytes", "byte"), ("_per_second", "per sec")]
)
def test_the_help_of_a_metric_says_its_unit(ending: str, said_as: str) -> None:
    helps = {family.name: family.documentation for family in families() if family.name.endswith(ending)}
    assert helps
    assert {name: text for name, text in helps.items() if said_as not in text.lower()} == {}


def test_every_metric_has_a_help_of_more_than_its_name() -> None:
    assert {family.name for family in families() if len(family.documentation.split()) < 4} <= {
        "process_open_fds",
        "process_max_fds",
    }
