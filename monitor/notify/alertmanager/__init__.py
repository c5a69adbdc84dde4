"""The `alertmanager` receiver: every alert and its end, by Alertmanager's API v2, to every instance.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. In Alertmanager an alert that is not posted
again ends at its `endsAt`. So open alerts are posted periodically, in rounds, and an instance that lost its data is
complete again after one round.

`payload.py`: the posted alerts, pure. `dedup.py`: outdated alerts, pure. `instance.py`: one instance.
`alertmanager.py`: the receiver.
"""

from monitor.notify.alertmanager.alertmanager import Alertmanager
from monitor.notify.alertmanager.auth import Auth

__all__ = ["Alertmanager", "Auth"]
