"""One virtual environment for each peer, made on demand and remade when its pins change."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".peers"


def python_of(peer: str) -> Path:
    """Give the interpreter of a peer's environment; make the environment first if need be.

    The pins are in ``peers/<peer>.txt`` beside this module, the environment in ``.peers/<peer>``,
    which Git ignores. Installs with ``uv`` where it is on the path, else with pip, from whatever
    package index those are configured for.
    """
    pins = HERE / "peers" / f"{peer}.txt"
    folder = ENVIRONMENTS / peer
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = folder / "pins.sha256"
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest and python.exists():
        return python
    print(f"making the environment of {peer} ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    uv = shutil.which("uv")
    installer = (
        [uv, "pip", "install", "--quiet", "--python", str(python)]
        if uv
        else [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    subprocess.run([*installer, "--requirement", str(pins)], check=True)
    stamp.write_text(digest)
    return python
