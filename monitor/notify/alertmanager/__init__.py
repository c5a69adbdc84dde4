"""The `alertmanager` receiver: every alert and its end, by Alertmanager's API v2, to every instance.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml. Alertmanager keeps nothing for ever: an alert
that is not told again ends at its `endsAt`. So what is open is told again and again, and an instance that lost its data
is right again after one round.

`payload.py`: what is posted, pure. `dedup.py`: which of it is old news, pure. `instance.py`: one instance.
`alertmanager.py`: the receiver.
"""

from monitor.notify.alertmanager.alertmanager import Alertmanager
from monitor.notify.alertmanager.auth import Auth

__all__ = ["Alertmanager", "Auth"]
