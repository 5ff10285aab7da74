"""`python -m lychee_app` is the `lychee` command."""

import sys

from lychee_app.cli import main

sys.exit(main())
