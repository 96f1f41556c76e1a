"""One run: configuration, checks, the steps in order, and results that are whole or not there."""

import lazy_loader as _lazy

__all__ = [
    "LAST_STEPS",
    "STEPS",
    "Finished",
    "FinishedSlides",
    "Plan",
    "RunConfig",
    "SlidePlan",
    "SlidesConfig",
    "check",
    "check_slides",
    "demonstrate",
    "execute",
    "execute_slides",
    "is_of_slides",
    "load_config",
    "load_slides_config",
    "write_template",
    "write_workflow",
]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "checking": ["Plan", "check"],
        "config": ["RunConfig", "load_config"],
        "demonstration": ["demonstrate"],
        "execution": ["LAST_STEPS", "Finished", "execute"],
        "pipeline": ["STEPS"],
        "slide_checking": ["SlidePlan", "check_slides"],
        "slide_config": ["SlidesConfig", "is_of_slides", "load_slides_config"],
        "slide_execution": ["FinishedSlides", "execute_slides"],
        "template": ["write_template"],
        "workflow_files": ["write_workflow"],
    },
)
