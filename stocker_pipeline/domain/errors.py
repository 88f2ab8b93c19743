"""Every error that Stocker raises on purpose, named by what the caller should do about it.

::

    StockerError
    ├── InputRefused          the data given is wrong: correct it and run again
    ├── ConfigurationRefused  a parameter or setting is wrong: change it
    └── BookRefused           the request does not fit the book as it stands: choose another range

Nothing here is raised for a surprise; a surprise keeps its own traceback.
"""


class StockerError(Exception):
    """An error that explains itself: what was wanted, what was received, where, and the remedy.

    Attributes:
        wanted: The rule or bound, in full words.
        received: The value that broke it.
        where: File, row, key, table or session the value came from.
        remedy: What the reader can do now.
    """

    exit_code = 1

    def __init__(self, wanted: str, received: str, *, where: str, remedy: str) -> None:
        self.wanted = wanted
        self.received = received
        self.where = where
        self.remedy = remedy
        super().__init__(f"{where}: wanted {wanted}; received {received}. {remedy}")

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling that run workers use.
        return (_rebuild, (type(self), self.wanted, self.received, self.where, self.remedy))


class InputRefused(StockerError):
    """Data that breaks a rule of its format. Nothing was written."""

    exit_code = 3


class ConfigurationRefused(StockerError):
    """A parameter, setting or name that is out of its bounds. Nothing was written."""

    exit_code = 4


class BookRefused(StockerError):
    """A request that does not fit the portfolio's book, such as a range that leaves a hole."""

    exit_code = 5


def _rebuild(
    kind: type[StockerError], wanted: str, received: str, where: str, remedy: str
) -> StockerError:
    return kind(wanted, received, where=where, remedy=remedy)
