"""How often a source is asked, and when it is asked no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.gateways.market_data.asking import (
    Backoff,
    Conversation,
    Lasting,
    Passing,
    Rejected,
    Unanswered,
)


class Source:
    """Fails in the order given, and answers after that."""

    def __init__(self, failures):
        self.failures, self.asked = list(failures), 0

    def __call__(self):
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def conversation(pauses=None, **options):
    pauses = [] if pauses is None else pauses
    return Conversation(Backoff(pause=pauses.append, **options))


def test_waits_grow_and_end_at_the_longest():
    pauses = []
    talk = conversation(pauses, tries=6, pause_s=1, growth=4, pause_s_max=20)
    assert talk.ask(Source([Passing("busy")] * 5)) == "answer"
    assert pauses == [1, 4, 16, 20, 20]


@pytest.mark.parametrize("kind", [Rejected, Lasting])
def test_a_refusal_is_not_asked_again(kind):
    source = Source([kind("no")])
    with pytest.raises(kind, match="no"):
        conversation().ask(source)
    assert source.asked == 1


def test_a_rejected_question_does_not_end_the_conversation():
    talk = conversation(silent_questions_max=1)
    with pytest.raises(Rejected):
        talk.ask(Source([Rejected("no")]))
    assert talk.ask(Source([])) == "answer"


@given(
    st.lists(st.sampled_from(["answer", "reject", "silence", "last"]), max_size=30),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_a_source_is_never_asked_more_often_than_promised(course, tries, silent_max):
    talk = conversation(tries=tries, silent_questions_max=silent_max)
    failures = {"answer": [], "reject": [Rejected("r")], "last": [Lasting("l")]}
    failures["silence"] = [Passing("p")] * 100
    silent, over = 0, False
    for what in course:
        source = Source(failures[what])
        try:
            talk.ask(source)
        except Unanswered as error:
            assert error.reason
        expected = 0 if over else tries if what == "silence" else 1
        assert source.asked == expected
        silent = silent + 1 if what == "silence" else 0
        over = over or what == "last" or silent >= silent_max
