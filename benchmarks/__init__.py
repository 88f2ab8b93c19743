"""Measurements of Stocker against other programs and against itself; imported by none of it."""
