"""The OpenAPI document, and whether the daemon keeps to it whatever is asked."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator
from prometheus_client import CollectorRegistry

from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.store import DeliveryStatus, StoredDelivery
from monitor.web.api.openapi import PATH, document
from monitor.web.application import build
from tests.edges.web_kit import NOW, SITE, TOKEN, Client, Daemon, alert, asked, told

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def served() -> Iterator[tuple[str, str]]:
    """Method and path of each route of the JSON interface."""
    daemon = Daemon()
    application = build(daemon, CollectorRegistry(), external_url=SITE, admin_token=daemon.admin_token)
    for route in application.router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if path.startswith("/api/") and route.method != "HEAD":
            yield route.method.lower(), path


async def test_it_holds_every_path_of_the_interface_and_no_other() -> None:
    described = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    assert described == set(served())


def test_it_is_a_valid_document() -> None:
    OpenAPIV31SpecValidator(document()).validate()


async def test_it_is_served(client: Client) -> None:
    assert await asked(client, PATH) == document()


async def test_the_daemon_answers_generated_requests_as_the_document_says(
    client: Client, daemon: Daemon, tmp_path: Path
) -> None:
    daemon.open = [alert(told("am", DeliveryStatus.DELIVERED), labels={"team": "messaging"})]
    daemon.outbox = [
        StoredDelivery(
            seq=1,
            receiver="am",
            about=DeliveryKind.EVENT,
            ref="id1",
            type=EventType.STEP_FAILED,
            severity=Severity.WARNING,
            subject="5870442f/60dbe307",
            observed_at=NOW,
            status=DeliveryStatus.DEAD,
            attempts=3,
        )
    ]
    output = await _generated(str(client.make_url(PATH)), tmp_path)
    assert "No issues found" in output, output


async def _generated(document: str, folder: Path) -> str:
    """What the generator of requests, which keeps its notes in `folder`, says about the whole interface."""
    arguments = [
        "run", document, "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "25",
        "--seed", "1", "-H", f"Authorization: Bearer {TOKEN}", "--no-color",
    ]  # fmt: skip
    program = Path(sys.executable).with_name("st")
    process = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(120):
            return (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
