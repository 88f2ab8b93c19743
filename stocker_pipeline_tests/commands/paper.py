"""The paper book that the tests of its commands share."""

from datetime import date

BOOK = "trend_paper"
FIRST, LAST, NEXT = date(2010, 1, 4), date(2010, 1, 15), date(2010, 1, 19)
SESSIONS = 10
