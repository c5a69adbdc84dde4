"""What people configure: YAML under the environment, made into one frozen value, or into every reason why not.

`model.py` is the tree with its defaults, `fields.py` says what a text means there, `load.py` puts it together. Nothing
is read at import, and no secret is in a repr, an error or a log.
"""

from monitor.settings.errors import ConfigurationError
from monitor.settings.fingerprint import fingerprint
from monitor.settings.load import Settings, load_settings
from monitor.settings.model import Account, Api, Log, LogFormat, LogLevel, Polling, Receiver, Server, Store
from monitor.settings.schema import schema
from monitor.settings.secrets import SecretError, SecretSource

__all__ = [
    "Account",
    "Api",
    "ConfigurationError",
    "Log",
    "LogFormat",
    "LogLevel",
    "Polling",
    "Receiver",
    "SecretError",
    "SecretSource",
    "Server",
    "Settings",
    "Store",
    "fingerprint",
    "load_settings",
    "schema",
]
