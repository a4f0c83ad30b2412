"""`python -m eval.run`: the same as `quoth eval`."""

import sys

from eval.run.evaluate import main

sys.exit(main())
