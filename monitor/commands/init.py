"""`workflow-monitor init`: write a first configuration, which watches a whole account."""

import argparse
import json
import shlex
from pathlib import Path
from typing import Final

from monitor.commands.options import CLEAN, Adding, CommandError, UsageError, identifier, say

_SETTINGS: Final = """\
# Settings of workflow-monitor. `workflow-monitor schema settings` lists all keys; each has a default or is here.
# A secret never stands here: it is in a file (*_file) or in a variable of the environment (*_env).

accounts:
  - id: {account}
    # Its API key: in a file that the monitor alone can read (chmod 600), in a variable, or else in MONITOR_API_KEY.
    # api_key_file: /run/secrets/api_key
    # api_key_env: ACME_API_KEY
    requests_per_second: 10      # never exceeded, whatever the watchlist asks for

watchlist: watchlist.yaml        # or a list of paths and globs: [watchlist.yaml, "watchlist.d/*.yaml"]

# polling:
#   interval: 30s                # of a target that names none

# server:
#   host: 127.0.0.1              # serves pages, /metrics and what `alerts`, `close` and `deliveries` ask for
#   port: 8808
#   external_url: https://monitor.example      # links in alerts begin with it; default: this machine alone
#   admin_token_file: admin_token              # for `close` and `deliveries --retry`

# Whom to notify. Without a receiver, events are logged and shown, and nobody is notified.
receivers: []
# receivers:
#   - name: oncall
#     type: alertmanager         # or pagerduty, webhook, apprise (chat, e-mail and the rest)
#     urls: [http://alertmanager:9093]
#     min_severity: warning      # info | warning | critical

# A dead man's switch elsewhere, which calls when the pings of this monitor stop. It needs a receiver.
# heartbeat:
#   url: https://dead-mans-switch.example/ping/uuid
"""

_WATCHLIST: Final = """\
# What is watched. The running monitor takes over a changed file within seconds.

defaults:
  account: {account}
  # interval: 30s                # wanted time between two looks
  # labels: {{team: messaging}}    # go with every event

# Every instance of a definition; `workflow-monitor definitions ACCOUNT` lists the definitions, each with its entry.
discover:
  - definition: "*"              # every active definition of the account, also those to come
    # exclude: [5870442f-3ddd-4657-b74c-6e17308f5230]      # ids of definitions that are not watched
    # step_interval: 5m          # wanted longest time between two looks at the steps of one instance
    # max_runtime: 2h            # workflow.overdue when an instance is Runnable for longer
#   - definition: 5870442f-3ddd-4657-b74c-6e17308f5231     # an entry of its own, in place of the one above
#     name: order-reminder       # stands for the definition in metrics and alerts
#     versions: latest           # all | latest | [3, 4]

# Single instances; an entry here wins over what is discovered.
targets: []
# targets:
#   - definition: 5870442f-3ddd-4657-b74c-6e17308f5230
#     workflow: 60dbe307fe55d99fc083db61
#     name: onboarding-reply     # shown instead of the ids
#     max_runtime: 2h            # workflow.overdue when it is Runnable for longer
#     step_timeouts: {{wait_for_reply: 1d, "*": 10m}}      # workflow.step_overdue when a step takes longer
"""

_NEXT: Final = """\
wrote {files}
What to do next:
  1. set MONITOR_API_KEY to the API key of {account}, or name a file that holds it in {folder}/monitor.yaml
  2. name receivers in {folder}/monitor.yaml
  3. workflow-monitor check --online --config {folder}/monitor.yaml
  4. workflow-monitor run --config {folder}/monitor.yaml
{folder}/watchlist.yaml watches every instance of every definition of the account; list them by
`workflow-monitor definitions {account} --config {folder}/monitor.yaml` and leave out what is not wanted."""


def add(command: Adding) -> None:
    sub = command("init", _init, "write a commented monitor.yaml, and a watchlist.yaml that watches every definition")
    sub.add_argument("folder", metavar="DIR", type=Path, help="made if it is not there; nothing in it is overwritten")
    sub.add_argument("--account", metavar="ID", type=identifier, required=True, help="accountId in the API")


def _init(options: argparse.Namespace) -> int:
    folder: Path = options.folder
    texts = {
        "monitor.yaml": _SETTINGS.format(account=_quoted(options.account)),
        "watchlist.yaml": _WATCHLIST.format(account=_quoted(options.account)),
    }
    if there := [name for name in texts if (folder / name).exists() or (folder / name).is_symlink()]:
        raise UsageError(f"{folder} has {' and '.join(there)} already; nothing was written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            _write(folder / name, text)
    except OSError as error:
        raise CommandError(f"{error.filename or folder}: {error.strerror}") from None
    files, account = ", ".join(str(folder / name) for name in texts), shlex.quote(options.account)
    say(_NEXT.format(files=files, folder=folder, account=account))
    return CLEAN


def _write(file: Path, text: str) -> None:
    """Write a new file; raises FileExistsError if there is one."""
    with file.open("x", encoding="utf-8") as new:
        new.write(text)


def _quoted(account: str) -> str:
    """Quoted, so that YAML reads it as text, whatever it holds."""
    return json.dumps(account, ensure_ascii=False)
