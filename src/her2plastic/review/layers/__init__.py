"""Slides as layers of napari: what its readers, its sample data and the window of a review put on the canvas."""
