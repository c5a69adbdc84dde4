"""A page with one message."""

from monitor.web.pages.models.model import Model


class Message(Model, frozen=True, kw_only=True):
    text: str
