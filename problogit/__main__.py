"""``python -m problogit`` is the command line."""

from __future__ import annotations

from problogit.cli import main

if __name__ == "__main__":
    main(prog_name="problogit")
