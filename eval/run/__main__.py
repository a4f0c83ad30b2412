"""`python -m eval.run`: the same as `quoth eval`."""

import sys

from eval.run.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
