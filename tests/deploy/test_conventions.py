"""What a running demo shows on `/metrics` is as the conventions of Prometheus ask."""

import aiohttp

from tests.crash.running import eventually, process
from tests.deploy.programs import answers, free_port, said


async def test_promtool_has_nothing_to_say_about_the_metrics_of_a_demo() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    async with process("demo", "--port", address.rpartition(":")[2]) as demo, aiohttp.ClientSession() as session:
        await eventually(lambda: not demo.lives or answers(session, f"{address}/-/ready"), "readiness")
        assert demo.lives, demo.stderr
        async with session.get(f"{address}/metrics") as response:
            text = await response.read()
    assert text.count(b"# HELP") > 30
    assert await said("promtool", "check", "metrics", stdin=text) == (0, "")
