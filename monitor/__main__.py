"""`python -m monitor` is `workflow-monitor`."""

import sys

from monitor.cli import main

sys.exit(main())
