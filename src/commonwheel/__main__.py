"""``python -m commonwheel``."""

import sys

from commonwheel.cli import main

if __name__ == "__main__":
    sys.exit(main())
