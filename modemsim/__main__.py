"""`python -m modemsim`."""

from __future__ import annotations

from modemsim.cli import main

if __name__ == "__main__":
    main()
