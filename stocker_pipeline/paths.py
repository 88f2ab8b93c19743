"""Where the project lies on disk. Apart from ``settings``, whose reader takes a while to load."""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]
