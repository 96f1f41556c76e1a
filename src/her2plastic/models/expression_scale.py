"""A scale of expression: where on log2 CPM each HER2 state lies, and how far states overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic._errors import CalibrationError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ExpressionScale:
    """Log-normal components of expression, each of one HER2 state.

    HER2-positive has two: a plastic state without amplification, and amplified cells.

    Parameters
    ----------
    name
        Name under which the scale is recorded.
    source
        Where the numbers come from, in words.
    components
        Names of the components.
    states
        State of each component.
    mean_log2_cpm, sd_log2
        Per component: centre and spread over cells of one donor, in log2 counts per million.
    share_prior
        Per component: Dirichlet parameter of the shares of a donor's cells.
    donor_sd
        Spread of donors around the scale, log2.

    Examples
    --------
    >>> import her2plastic as hp
    >>> scale = hp.models.ExpressionScale(
    ...     name="lab", source="control lines of the lab", components=("null", "low", "positive"),
    ...     states=("HER2-0", "HER2-low", "HER2-positive"), mean_log2_cpm=(2.0, 5.0, 9.0), sd_log2=(0.9, 0.9, 0.9),
    ...     share_prior=(1.0, 1.0, 1.0), donor_sd=0.8,
    ... )
    >>> print(scale.summary())
    lab: null 4 CPM, low 32 CPM, positive 512 CPM (donors spread by 0.8 log2). control lines of the lab
    """

    name: str
    source: str
    components: tuple[str, ...]
    states: tuple[str, ...]
    mean_log2_cpm: tuple[float, ...]
    sd_log2: tuple[float, ...]
    share_prior: tuple[float, ...]
    donor_sd: float

    def __post_init__(self) -> None:
        columns = (self.components, self.states, self.mean_log2_cpm, self.sd_log2, self.share_prior)
        sizes = sorted({len(column) for column in columns})
        if len(sizes) != 1:
            raise CalibrationError(f"scale {self.name!r}: components differ in number over its columns: {sizes}")
        if set(self.states) != set(_keys.STATES):
            found = sorted(set(self.states))
            raise CalibrationError(f"scale {self.name!r} has states {found}, expected {list(_keys.STATES)}")
        means, spreads = np.array(self.mean_log2_cpm), np.array([*self.sd_log2, *self.share_prior])
        if not np.isfinite(means).all() or not (np.isfinite(spreads).all() and (spreads > 0).all()):
            raise CalibrationError(f"scale {self.name!r}: means must be finite, spreads and priors finite and above 0")
        if not (np.isfinite(self.donor_sd) and self.donor_sd >= 0):
            raise CalibrationError(f"scale {self.name!r}: donor_sd={self.donor_sd!r}: expected a number of at least 0")
        order = [_keys.STATES.index(state) for state in self.states]
        if order != sorted(order) or (np.diff(means) <= 0).any():
            raise CalibrationError(
                f"scale {self.name!r}: components must rise from HER2-0 to HER2-positive, are "
                + ", ".join(f"{c} {m:.2f}" for c, m in zip(self.components, means, strict=True))
            )

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, name: str, donor_sd: float) -> ExpressionScale:
        """Read a scale from a table with a row per component (see ``reference.her2_scale``)."""
        return cls(
            name=name,
            source="; ".join(dict.fromkeys(frame["source"])),
            components=tuple(frame["component"]),
            states=tuple(frame["state"]),
            mean_log2_cpm=tuple(frame["mean_log2_cpm"].astype(float)),
            sd_log2=tuple(frame["sd_log2"].astype(float)),
            share_prior=tuple(frame["share_prior"].astype(float)),
            donor_sd=donor_sd,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the scale as a table with a row per component."""
        import pandas as pd

        return pd.DataFrame(
            {
                "component": self.components,
                "state": self.states,
                "mean_log2_cpm": self.mean_log2_cpm,
                "sd_log2": self.sd_log2,
                "share_prior": self.share_prior,
            }
        )

    def summary(self) -> str:
        """Return the scale in one sentence."""
        places = zip(self.components, self.mean_log2_cpm, strict=True)
        parts = ", ".join(f"{component} {2**mean:.0f} CPM" for component, mean in places)
        return f"{self.name}: {parts} (donors spread by {self.donor_sd:g} log2). {self.source}"

    def to_states(self, by_component: np.ndarray) -> np.ndarray:
        """Add up the last axis from components to states."""
        return by_component @ self.membership

    @property
    def membership(self) -> np.ndarray:
        """0/1 matrix of components by states."""
        return (np.array(self.states)[:, None] == np.array(_keys.STATES)[None, :]).astype(float)

    def posterior_of_expression(self, log2_cpm: np.ndarray) -> np.ndarray:
        """Return state probabilities of expression known without count noise (bulk tissue, cell lines).

        Parameters
        ----------
        log2_cpm
            Shape ``(samples,)``: log2 counts per million on this scale.

        Returns
        -------
        Shape ``(samples, states)``; rows sum to 1, missing where the value is missing. A sample is one donor, so that
        the spread of donors adds to that of cells.
        """
        x = np.asarray(log2_cpm, dtype=float)[:, None]
        sd = np.hypot(self.sd_log2, self.donor_sd)
        log_joint = -0.5 * ((x - np.array(self.mean_log2_cpm)) / sd) ** 2 - np.log(sd) + np.log(self.share_prior)
        joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        return self.to_states(joint / joint.sum(axis=1, keepdims=True))
