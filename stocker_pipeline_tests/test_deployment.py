"""Files that need an engine which is not on every machine are at least read and held together."""

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())


def test_compose_has_database_code_webserver_and_one_daemon(compose):
    assert set(compose["services"]) == {"postgres", "code", "webserver", "daemon"}
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


def test_the_database_password_is_asked_for_and_never_written(compose):
    for service in compose["services"].values():
        for key, value in service["environment"].items():
            if "PASSWORD" in key:
                assert value == "${DAGSTER_POSTGRES_PASSWORD:?set a password in .env}"


def test_the_lock_pins_every_package_and_names_no_index():
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    assert len(lines) > 100
    for line in lines:
        assert re.match(r"^[A-Za-z0-9._-]+==[^ ]+( ; .+)?$", line), line


def test_no_module_is_larger_than_a_room():
    for path in (REPOSITORY / "stocker_pipeline").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path.name
