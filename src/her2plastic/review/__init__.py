"""Cells settled by people: a queue of pictures in napari, blinded, with a journal that loses nothing."""
