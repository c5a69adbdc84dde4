"""What machines ask: probes, the scrape, the reload."""

from typing import Any

import pytest
from aiohttp import ClientResponse
from prometheus_client import Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor.core.liveness import LoopHealth
from tests.edges.web_kit import TOKEN, Client, Daemon, asked


async def test_it_is_healthy_while_every_loop_turns(client: Client, daemon: Daemon) -> None:
    answer = await asked(client, "/-/healthy")
    assert answer == {"healthy": True, "loops": {"poll acme": {"turns": True, "idle": 0.5}}}
    daemon.health["deliver oncall"] = LoopHealth(turns=False, idle=61.0)
    answer = await asked(client, "/-/healthy", 503)
    assert answer["healthy"] is False
    assert answer["loops"]["deliver oncall"] == {"turns": False, "idle": 61.0}


async def test_it_says_why_it_is_not_ready(client: Client, daemon: Daemon) -> None:
    assert await asked(client, "/-/ready") == {"ready": True}
    daemon.reason = "the store takes no commits"
    assert await asked(client, "/-/ready", 503) == {"ready": False, "reason": "the store takes no commits"}


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", "text/plain", parse_text),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            "application/openmetrics-text",
            parse_openmetrics,
        ),
        ("application/openmetrics-text;version=nonsense", "text/plain", parse_text),
    ],
    ids=["text", "openmetrics", "nonsense"],
)
async def test_metrics_come_in_the_format_that_is_asked_for(
    client: Client, daemon: Daemon, accept: str, content_type: str, parse: Any
) -> None:
    Counter("things_total", "Things.", registry=daemon.registry).inc(3)
    async with client.get("/metrics", headers={"Accept": accept}) as response:
        assert response.status == 200
        assert response.content_type == content_type
        (family,) = parse(await response.text())
    assert [(sample.name, sample.value) for sample in family.samples] == [("things_total", 3.0)]


# --- reload ---


async def reload(client: Client, authorization: str | None) -> ClientResponse:
    headers = {} if authorization is None else {"Authorization": authorization}
    return await client.post("/-/reload", headers=headers)


async def test_reload_with_the_admin_token_reloads(client: Client, daemon: Daemon) -> None:
    response = await reload(client, f"Bearer {TOKEN}")
    assert (response.status, await response.json()) == (200, {"reloaded": True})
    assert daemon.reloads == ["http"]


async def test_reload_of_a_bad_configuration_says_every_error(client: Client, daemon: Daemon) -> None:
    daemon.errors = ("monitor.yaml: server.port: expected a port", "watchlist.yaml: targets[0]: twice")
    response = await reload(client, f"bearer {TOKEN}")
    assert (response.status, await response.json()) == (400, {"errors": list(daemon.errors)})


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \u00fc"],
    ids=["none", "empty", "no token", "wrong", "other scheme", "no scheme", "longer", "not ascii"],
)
async def test_reload_without_the_admin_token_changes_nothing(
    client: Client, daemon: Daemon, authorization: str | None
) -> None:
    response = await reload(client, authorization)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert TOKEN not in await response.text()
    assert daemon.reloads == []


@pytest.mark.parametrize("token", [None, ""])
async def test_reload_is_refused_where_no_token_is_configured(
    client: Client, daemon: Daemon, token: str | None
) -> None:
    daemon.token = token
    response = await reload(client, "Bearer ")
    assert response.status == 403
    assert "server.admin_token_file" in (await response.json())["error"]
    assert daemon.reloads == []


@pytest.mark.parametrize("error", [PermissionError("/run/secrets/admin"), ValueError("empty")])
async def test_reload_is_refused_while_the_token_cannot_be_read(
    client: Client, daemon: Daemon, error: Exception
) -> None:
    daemon.token_fails = error
    response = await reload(client, f"Bearer {TOKEN}")
    assert response.status == 403
    assert str(error) not in await response.text()
    assert daemon.reloads == []


async def test_reload_is_no_get(client: Client, daemon: Daemon) -> None:
    answer = await asked(client, "/-/reload", 405)
    assert answer == {"error": "expected POST"}
    assert daemon.reloads == []
