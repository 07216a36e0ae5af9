"""`python -m device_bridge`, and the `device_bridge` command."""

import sys

INTERRUPTED = 130

if __name__ == "__main__":
    try:
        from device_bridge.cli import main
    except KeyboardInterrupt:
        # Nothing has begun yet, so there is nothing to say.
        sys.exit(INTERRUPTED)
    sys.exit(main())
