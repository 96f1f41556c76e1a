"""One run: configuration, checks, the steps in order, and results that are whole or not there."""

import lazy_loader as _lazy

__all__ = [
    "LAST_STEPS",
    "STEPS",
    "Finished",
    "Plan",
    "RunConfig",
    "check",
    "demonstrate",
    "execute",
    "load_config",
    "write_template",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "checking": ["Plan", "check"],
        "config": ["RunConfig", "load_config"],
        "demonstration": ["demonstrate"],
        "execution": ["LAST_STEPS", "Finished", "execute"],
        "pipeline": ["STEPS"],
        "template": ["write_template"],
    },
)
