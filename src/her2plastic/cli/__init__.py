"""The ``her2plastic`` command: ``app`` and ``main``."""

from her2plastic.cli.commands import app, main

__all__ = ["app", "main"]
