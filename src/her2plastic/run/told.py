"""What of a configuration each job of a workflow depends on. Where it changes, the job is to be done again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from her2plastic.run.config import RunConfig
    from her2plastic.run.slide_config import SlidesConfig

SAMPLE: Final = "sample"
CALLED: Final = "called"
TRANSITIONS: Final = "transitions"
SLIDE: Final = "slide"
#: Keys of the configuration; jobs that are not here depend on all of them.
_KEYS: Final = {
    SAMPLE: ("seed", "reading", "quality.doublets"),
    CALLED: ("seed", "reading", "quality", "identity", "her2", "map"),
    TRANSITIONS: ("seed", "transitions"),
    SLIDE: (),
}


def told(config: RunConfig | SlidesConfig, job: str) -> dict[str, Any]:
    """Return the part of a configuration that a job depends on, ready for JSON."""
    values = config.model_dump(mode="json")
    return {key: _at(values, key) for key in _KEYS.get(job, tuple(sorted(values)))}


def _at(values: dict[str, Any], key: str) -> Any:
    found: Any = values
    for part in key.split("."):
        found = found[part]
    return found
