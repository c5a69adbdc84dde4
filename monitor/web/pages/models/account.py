"""One account."""

from aiohttp import web

from monitor.web.pages.models.definitions import DefinitionRow, definition_rows
from monitor.web.pages.models.model import Model
from monitor.web.pages.snapshot import Snapshot


class AccountPage(Model, frozen=True, kw_only=True):
    account: str
    definitions: tuple[DefinitionRow, ...]


async def account(snapshot: Snapshot, request: web.Request) -> AccountPage:
    name = request.match_info["account"]
    found = [summary for summary in await snapshot.definitions() if summary.account == name]
    return AccountPage(
        title=name, http_status=200 if found else 404, account=name, definitions=definition_rows(found, snapshot)
    )
