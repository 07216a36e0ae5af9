"""`python -m device_bridge`, and the `device_bridge` command."""

import sys

from device_bridge.cli import main

if __name__ == "__main__":
    sys.exit(main())
