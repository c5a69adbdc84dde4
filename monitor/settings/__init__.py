"""The configuration: YAML, overridden by the environment, becomes one frozen value, or a list of all errors.

`model.py` is the tree with its defaults, `receivers/` its receivers, `fields.py` the meaning of texts, `load.py`
combines them. Nothing is read at import, and no secret is in a repr, an error or a log.
"""

from monitor.settings.errors import ConfigurationError
from monitor.settings.fingerprint import fingerprint
from monitor.settings.load import Settings, load_settings
from monitor.settings.model import (
    AccountSettings,
    AlertSettings,
    ApiSettings,
    HeartbeatSettings,
    LogFormat,
    LogLevel,
    LogSettings,
    PollingSettings,
    ServerSettings,
    StoreSettings,
)
from monitor.settings.receivers import Receiver
from monitor.settings.schema import schema
from monitor.settings.secrets import SecretError, SecretSource
from monitor.settings.warnings import warnings, warnings_at_start

__all__ = [
    "AccountSettings",
    "AlertSettings",
    "ApiSettings",
    "ConfigurationError",
    "HeartbeatSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "PollingSettings",
    "Receiver",
    "SecretError",
    "SecretSource",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "fingerprint",
    "load_settings",
    "schema",
    "warnings",
    "warnings_at_start",
]
