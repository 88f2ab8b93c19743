"""Bring a ledger's database to the revision of this code, or say how it differs from it."""

from collections.abc import Iterator

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from stocker_pipeline.domain.crash_points import crash_point
from stocker_pipeline.ledger import engines, errors
from stocker_pipeline.ledger.migrations import HEAD
from stocker_pipeline.ledger.migrations.frozen import current
from stocker_pipeline.ledger.tables import metadata

_UPGRADE_LOCK = 7_306_041_976_291_331_945
_SCRATCH = "stocker_check"


def upgrade(url: str) -> None:
    """Create or bring up to date, in one transaction; a database that is up to date is left alone.

    Raises:
        LedgerUnavailable: The database cannot be written.
    """
    target = engines.ledger_url(url)
    if target.get_backend_name() == "sqlite":
        engines.create_file(engines.sqlite_file(target))
    engine = engines.open_engine(target)
    try:
        with engine.connect() as connection:
            with connection.begin():
                if engine.dialect.name == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"))
                if engines.revision(connection) == HEAD:
                    return
                crash_point("ledger.migration.before")
                _run(connection)
            crash_point("ledger.migration.after")
    except DBAPIError as error:
        raise errors.of_database(error, engines.shown(target)) from error
    finally:
        engine.dispose()


def check(url: str) -> list[str]:
    """How the database differs from what this code expects; empty where it does not.

    Compares tables, columns, keys and indexes as Alembic does, and then every statement of the
    schema, checks and triggers too.
    """
    target = engines.ledger_url(url)
    if target.get_backend_name() == "sqlite" and not engines.sqlite_file(target).exists():
        return [f"there is no file {engines.sqlite_file(target)}"]
    engine = engines.open_engine(target)
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            found = engines.revision(connection)
            if found != HEAD:
                return [f"revision {found or 'none'} instead of {HEAD}"]
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            faults = [_difference(item) for item in compare_metadata(context, metadata)]
            actual = _schema_of(connection)
            wanted = _wanted(connection)
            transaction.rollback()
            return faults + list(_unequal(wanted, actual))
    except DBAPIError as error:
        raise errors.of_database(error, engines.shown(target)) from error
    finally:
        engine.dispose()


def _run(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "stocker_pipeline.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _difference(item: object) -> str:
    while isinstance(item, list) and item:
        item = item[0]
    return f"schema: {item}"


def _unequal(wanted: dict[str, str], actual: dict[str, str]) -> Iterator[str]:
    for name in sorted(wanted.keys() | actual.keys()):
        if name not in actual:
            yield f"{name} is missing"
        elif name not in wanted:
            yield f"{name} is not one of ours"
        elif wanted[name] != actual[name]:
            yield f"{name} reads {actual[name]!r} instead of {wanted[name]!r}"


def _schema_of(connection: Connection) -> dict[str, str]:
    """Everything of a schema that can be said as text, by name."""
    if connection.dialect.name == "sqlite":
        return _sqlite_schema(connection)
    rows = connection.execute(text(_CATALOG)).all()
    schema = connection.execute(text("SELECT current_schema()")).scalar()
    return {
        str(name): " ".join(str(definition).replace(f"{schema}.", "").split())
        for name, definition in rows
        if "alembic_version" not in str(name)
    }


def _sqlite_schema(connection: Connection) -> dict[str, str]:
    rows = connection.execute(
        text("SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    ).all()
    return {
        str(name): " ".join(str(sql).split())
        for name, sql in rows
        if name != "table alembic_version" and "sqlite_" not in str(name)
    }


def _wanted(connection: Connection) -> dict[str, str]:
    """The same of what this code would make of an empty database."""
    dialect = connection.dialect.name
    if dialect == "sqlite":
        # SQLite stores each statement as it was written.
        memory = create_engine("sqlite://")
        with memory.begin() as empty:
            for statement in current(dialect):
                empty.exec_driver_sql(statement)
            return _sqlite_schema(empty)
    connection.execute(text(f"CREATE SCHEMA {_SCRATCH}"))
    connection.execute(text(f"SET LOCAL search_path = {_SCRATCH}"))
    for statement in current(dialect):
        connection.exec_driver_sql(statement)
    return _schema_of(connection)


_CATALOG = """
SELECT 'column ' || c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
   AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint ' || c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
    || CASE WHEN k.convalidated THEN '' ELSE ' not validated' END
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE k.connamespace = current_schema()::regnamespace
UNION ALL
SELECT 'index ' || c.relname, pg_get_indexdef(c.oid)
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'i'
UNION ALL
SELECT 'trigger ' || c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
    || ' ' || t.tgenabled::text
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT 'function ' || p.proname, p.prosrc
  FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
   AND p.proname LIKE 'stocker%'
"""
