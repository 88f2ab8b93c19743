"""Ask a source again where that may help, a bounded number of times, and know when to stop.

A failure is one of three: this try failed (``Passing``), this question was refused (``Rejected``),
or every further question would fare the same (``Lasting``). Stays out: which status or text of a
vendor means which (its own module), and connections (``transport``).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class Unanswered(Exception):
    """No answer that can be believed. Never leaves a provider: it becomes ``failed``.

    Attributes:
        reason: What happened, for a person.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Passing(Unanswered):
    """A time-out, a broken body, a busy server: the same question may be answered later.

    Attributes:
        wait_s: How long the source asked to wait; None = it did not say.
    """

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Rejected(Unanswered):
    """The source refuses this question; it may answer others."""


class Lasting(Unanswered):
    """Refused credentials, a quota used up: no question will be answered for now."""


@dataclass(frozen=True)
class Backoff:
    """How often to ask, and how long to wait in between.

    Attributes:
        tries: How often one question is asked.
        pause_s: The wait before the second try; each later wait is ``growth`` times as long.
        pause_s_max: The longest wait. A source that asks for a longer one is not asked again.
        silent_questions_max: After so many questions in a row without an answer, no more are asked.
        pause: Waits so many seconds; tests record instead.
    """

    tries: int = 4
    pause_s: float = 2.0
    growth: float = 4.0
    pause_s_max: float = 65.0
    silent_questions_max: int = 3
    pause: Callable[[float], None] = time.sleep


class Conversation:
    """The questions of one fetch to one source.

    Without an end to it, a source that is down would be asked about every symbol in turn, each
    time to the last try: hours.
    """

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._silent = 0
        self._stopped: str | None = None

    def ask(self, question: Callable[[], T]) -> T:
        """The answer to a question, asked again after ``Passing``.

        Raises:
            Unanswered: No answer after the last try, a refusal, or the conversation is over.
        """
        if self._stopped is not None:
            raise Lasting(f"not asked any more: {self._stopped}")
        try:
            answer = self._persist(question)
        except Lasting as error:
            self._stopped = error.reason
            raise
        except Passing as error:
            self._silent += 1
            if self._silent >= self._backoff.silent_questions_max:
                self._stopped = f"{self._silent} questions in a row had no answer; {error.reason}"
            raise
        except Rejected:
            self._silent = 0
            raise
        self._silent = 0
        return answer

    def _persist(self, question: Callable[[], T]) -> T:
        backoff, attempt, pause_s = self._backoff, 1, self._backoff.pause_s
        while True:
            try:
                return question()
            except Passing as error:
                asked_s = error.wait_s or 0.0
                if asked_s > backoff.pause_s_max:
                    raise Lasting(
                        f"{error.reason}; it asks to wait {asked_s:,.0f} s, longer than the "
                        f"{backoff.pause_s_max:,.0f} s that one run waits"
                    ) from None
                if attempt >= backoff.tries:
                    raise Passing(f"{error.reason} (asked {attempt} times)") from None
                backoff.pause(min(max(pause_s, asked_s), backoff.pause_s_max))
            attempt, pause_s = attempt + 1, pause_s * backoff.growth
