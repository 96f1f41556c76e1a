"""The window of a review: one cell at a time in napari, decided by keys."""
