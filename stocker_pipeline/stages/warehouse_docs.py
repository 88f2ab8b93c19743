"""dbt's pages about the warehouse's tables, columns and lineage: made when somebody asks for them.

Stays out: what the tables mean (the models' own files), and who is answered (``commands.open``).
"""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.paths import PROJECT_ROOT
from stocker_pipeline.stages.warehouse_file import refuse_in_use, refuse_missing

DOCS_FILES = ("index.html", "manifest.json", "catalog.json")
"""Everything that dbt's site consists of."""
_MADE_OF = "made_of.txt"
_WAIT_SECONDS = 300


@dataclass(frozen=True)
class WarehouseDocs:
    """The site about one warehouse.

    Attributes:
        folder: Where it lies; made where it is missing.
        lake_root: Where the lake is, which dbt's connection names.
    """

    warehouse: Path
    folder: Path
    lake_root: str
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def possible(self) -> bool:
        """Whether there is a warehouse to tell of."""
        return self.warehouse.is_file()

    def file(self, name: str) -> Path | None:
        """A file of the site, which is made first where the warehouse is newer.

        Raises:
            InputRefused: There is no warehouse.
            WarehouseBusy: Another process has it open.
            ConfigurationRefused: dbt could not make the site.
        """
        if name not in DOCS_FILES:
            return None
        with self._one_at_a_time:
            if not self._is_current():
                self._make()
        return self.folder / name

    def _is_current(self) -> bool:
        made_of = self.folder / _MADE_OF
        return (
            self.possible
            and made_of.is_file()
            and made_of.read_text(encoding="utf-8") == self._state()
            and all((self.folder / name).is_file() for name in DOCS_FILES)
        )

    def _make(self) -> None:
        refuse_missing(self.warehouse)
        refuse_in_use(self.warehouse)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _MADE_OF).unlink(missing_ok=True)
        said = self._dbt_says()
        if said:
            raise ConfigurationRefused(
                "a site that dbt docs generate makes",
                said,
                where=str(self.folder),
                remedy="Read dbt.log there.",
            )
        # Not the state before: a connection that only reads may still tidy the file up.
        (self.folder / _MADE_OF).write_text(self._state(), encoding="utf-8")

    def _dbt_says(self) -> str:
        """Let dbt make the site; the end of what it said where it failed, else nothing."""
        # To compile the models would read the whole lake, and shows nothing that a person asks for.
        for command in (("parse",), ("docs", "generate", "--no-compile")):
            try:
                ended = self._dbt(command)
            except (OSError, subprocess.TimeoutExpired) as error:
                return str(error)
            if ended.returncode:
                return ended.stdout.strip()[-2_000:] or f"exit code {ended.returncode}"
        return ""

    def _dbt(self, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        dbt, project = Path(sys.executable).with_name("dbt"), PROJECT_ROOT / "dbt_project"
        places: dict[str, str | Path] = {
            "--project-dir": project,
            "--profiles-dir": project,
            "--target-path": self.folder,
            "--log-path": self.folder,
        }
        known = {"STOCKER_LAKE_ROOT": self.lake_root, "STOCKER_WAREHOUSE": str(self.warehouse)}
        return subprocess.run(
            [dbt, *command, *chain(*places.items())],
            env=os.environ | known,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_WAIT_SECONDS,
        )

    def _state(self) -> str:
        found = self.warehouse.stat()
        return f"{found.st_mtime_ns} {found.st_size}"
