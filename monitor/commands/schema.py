"""`workflow-monitor schema`: the JSON Schema of the settings, the watchlist or an event."""

import argparse
import json

from monitor.commands.options import CLEAN, Adding, say
from monitor.settings import schema


def add(command: Adding) -> None:
    sub = command("schema", _schema, "print the JSON Schema of the settings, the watchlist or an event")
    sub.add_argument("what", choices=("settings", "watchlist", "event"))


def _schema(options: argparse.Namespace) -> int:
    say(json.dumps(schema(options.what), indent=2))
    return CLEAN
