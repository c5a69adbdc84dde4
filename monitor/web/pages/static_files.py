"""Style, script and icon: files of our own. Their names have the hash of their content, so that browsers keep them."""

import hashlib
from importlib.resources import files
from typing import Final

from aiohttp import web

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


class StaticFiles:
    """All of them, read once."""

    def __init__(self) -> None:
        folder = files("monitor.web.pages") / "static"
        bodies = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        self._hashed = {name: _hashed(name, body) for name, body in bodies.items()}
        self._bodies = {self._hashed[name]: body for name, body in bodies.items()}
        self.version = hashlib.blake2b("".join(sorted(self._bodies)).encode(), digest_size=6).hexdigest()
        """Changes with any of the files."""

    def path(self, name: str) -> str:
        """The path that a file is served at, by its plain name."""
        return f"/static/{self._hashed[name]}"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/static/{name}", self.file)]

    async def file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        body = self._bodies.get(name)
        if body is None:
            raise web.HTTPNotFound
        type_ = _TYPES[name.rpartition(".")[2]]
        return web.Response(body=body, content_type=type_, charset="utf-8", headers={"Cache-Control": _FOR_EVER})


def _hashed(name: str, body: bytes) -> str:
    stem, _, ending = name.rpartition(".")
    return f"{stem}.{hashlib.blake2b(body, digest_size=6).hexdigest()}.{ending}"
