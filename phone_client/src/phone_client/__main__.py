"""`python -m phone_client`."""

import sys

from phone_client.cli import main

sys.exit(main())
