"""One self-contained HTML page per run: opens offline, loads nothing, and names the key behind every number."""

import lazy_loader as _lazy

__all__ = ["draw", "draw_slides", "headline", "slide_headline", "transition_sentences"]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    submod_attrs={
        "page": ["draw"],
        "slide_page": ["draw_slides"],
        "slide_summary": ["slide_headline"],
        "summary": ["headline"],
        "transitions": ["transition_sentences"],
    },
)
