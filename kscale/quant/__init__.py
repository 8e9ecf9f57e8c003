"""Quantised weights: fewer bits for each of them, on disk too."""
