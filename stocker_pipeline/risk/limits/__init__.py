"""Pre-trade limits: each judges an order, or a session's orders, and names its own numbers.

Belongs here: the limits, one small class each, and which of a set of orders they leave
(``judging``). Everything is pure: frozen facts in, judgements out; a judgement on what is not known
has not passed. Stays out: the numbers (``domain.limits``), where the facts come from and what is
done about a judgement (``stages.limits``).
"""
