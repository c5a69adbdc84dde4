"""A page with one message."""

from monitor.web.pages.models.model import Model


class MessagePage(Model, frozen=True, kw_only=True):
    text: str
