"""`python -m energybench`."""

import sys

from energybench.cli.main import main

sys.exit(main())
