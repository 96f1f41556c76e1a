"""The kernels that run the pages: a profile of the build's own, without start-up files of the user's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: The kernels are reached on this machine only: that this is not encrypted need not be said of each.
_PROFILE: Final = 'c = get_config()\nc.IPKernelApp.log_level = "ERROR"\n'


def write_profile(folder: Path) -> None:
    """Write the profile and let kernels that are started from here use it."""
    profile = folder / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(_PROFILE, encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(folder)
