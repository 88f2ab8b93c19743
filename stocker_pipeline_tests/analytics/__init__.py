"""Tests of analytics; ``builders`` lets a test write its tables down as text."""
