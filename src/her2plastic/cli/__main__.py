"""``python -m her2plastic.cli``."""

from her2plastic.cli.commands import main

main()
