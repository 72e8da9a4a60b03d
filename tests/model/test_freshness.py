"""Freshness policies as tables: policy × made at × now → state, since and deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from assetflow.errors import UsageError
from assetflow.model.freshness import FreshnessPolicy
from assetflow.model.length import length_words, read_length
from assetflow.model.ticks import has_tick, last_tick, next_tick

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"

DAY = FreshnessPolicy(max_age="24h")
WARNED = FreshnessPolicy(max_age="24h", warn_age="18h")
NINE = FreshnessPolicy.cron("0 9 * * *", BERLIN, "24h", warn_before="2h")
NINE_3H = FreshnessPolicy.cron("0 9 * * *", BERLIN, "3h")
WORKDAYS = FreshnessPolicy.cron("0 9 * * MON-FRI", BERLIN, "12h")
GAP = FreshnessPolicy.cron("30 2 * * *", BERLIN, "1h")
TWICE = FreshnessPolicy.cron("30 1 * * *", NEW_YORK, "1h")
HOURLY = FreshnessPolicy.cron("0 * * * *", NEW_YORK, "10m")
LEAP = FreshnessPolicy.cron("0 0 29 2 *", max_age_at_deadline="1d")

# policy, made, now, state, since, deadline; times are UTC
CASES = [
    (DAY, None, "2024-01-02 00:00", "unknown", None, None),
    (DAY, "2024-01-01 00:00", "2024-01-01 00:00", "fresh", "2024-01-01 00:00", "2024-01-02 00:00"),
    (DAY, "2024-01-01 00:00", "2024-01-01 23:59", "fresh", "2024-01-01 00:00", "2024-01-02 00:00"),
    (DAY, "2024-01-01 00:00", "2024-01-02 00:00", "overdue", "2024-01-02 00:00", None),
    (DAY, "2024-01-01 00:00", "2025-01-02 00:00", "overdue", "2024-01-02 00:00", None),
    (DAY, "2024-01-05 00:00", "2024-01-02 00:00", "fresh", "2024-01-05 00:00", "2024-01-06 00:00"),  # a clock set back
    (DAY, "2024-03-30 12:00", "2024-03-31 11:59", "fresh", "2024-03-30 12:00", "2024-03-31 12:00"),  # ages are elapsed
    (WARNED, "2024-01-01 00:00", "2024-01-01 17:59", "fresh", "2024-01-01 00:00", "2024-01-02 00:00"),
    (WARNED, "2024-01-01 00:00", "2024-01-01 18:00", "warning", "2024-01-01 18:00", "2024-01-02 00:00"),
    (WARNED, "2024-01-01 00:00", "2024-01-01 23:59", "warning", "2024-01-01 18:00", "2024-01-02 00:00"),
    (WARNED, "2024-01-01 00:00", "2024-01-02 00:00", "overdue", "2024-01-02 00:00", None),
    (WARNED, None, "2024-01-02 00:00", "unknown", None, None),
    # winter: nine in Berlin is eight UTC
    (NINE, None, "2024-01-02 00:00", "unknown", None, "2024-01-02 08:00"),
    (NINE, "2024-01-01 08:00", "2024-01-01 08:00", "fresh", "2024-01-01 08:00", "2024-01-03 08:00"),
    (NINE, "2024-01-01 07:59", "2024-01-01 08:00", "fresh", "2024-01-01 07:59", "2024-01-02 08:00"),
    (NINE, "2024-01-01 07:59", "2024-01-02 05:59", "fresh", "2024-01-01 07:59", "2024-01-02 08:00"),
    (NINE, "2024-01-01 07:59", "2024-01-02 06:00", "warning", "2024-01-02 06:00", "2024-01-02 08:00"),
    (NINE, "2024-01-01 07:59", "2024-01-02 07:59", "warning", "2024-01-02 06:00", "2024-01-02 08:00"),
    (NINE, "2024-01-01 07:59", "2024-01-02 08:00", "overdue", "2024-01-02 08:00", "2024-01-03 08:00"),
    (NINE, "2024-01-01 07:59", "2024-01-05 08:00", "overdue", "2024-01-02 08:00", "2024-01-06 08:00"),
    (NINE_3H, "2024-01-01 05:00", "2024-01-01 08:00", "fresh", "2024-01-01 05:00", "2024-01-02 08:00"),
    (NINE_3H, "2024-01-01 04:59", "2024-01-01 07:59", "fresh", "2024-01-01 04:59", "2024-01-01 08:00"),
    (NINE_3H, "2024-01-01 04:59", "2024-01-01 08:00", "overdue", "2024-01-01 08:00", "2024-01-02 08:00"),
    (NINE_3H, "2024-01-01 09:00", "2024-01-02 07:59", "fresh", "2024-01-01 09:00", "2024-01-02 08:00"),
    (NINE_3H, "2024-01-01 09:00", "2024-01-02 08:00", "overdue", "2024-01-02 08:00", "2024-01-03 08:00"),
    # summer: seven UTC
    (NINE_3H, "2024-07-01 04:00", "2024-07-01 07:00", "fresh", "2024-07-01 04:00", "2024-07-02 07:00"),
    (NINE_3H, "2024-07-01 03:59", "2024-07-01 07:00", "overdue", "2024-07-01 07:00", "2024-07-02 07:00"),
    # the day the clocks go forward, 2024-03-31, and back, 2024-10-27
    (NINE, "2024-03-30 07:59", "2024-03-31 06:59", "fresh", "2024-03-30 07:59", "2024-04-01 07:00"),
    (NINE_3H, "2024-03-31 03:59", "2024-03-31 07:00", "overdue", "2024-03-31 07:00", "2024-04-01 07:00"),
    (NINE_3H, "2024-03-31 04:00", "2024-03-31 07:00", "fresh", "2024-03-31 04:00", "2024-04-01 07:00"),
    (NINE_3H, "2024-10-27 04:59", "2024-10-27 07:59", "fresh", "2024-10-27 04:59", "2024-10-27 08:00"),
    (NINE_3H, "2024-10-27 04:59", "2024-10-27 08:00", "overdue", "2024-10-27 08:00", "2024-10-28 08:00"),
    # from Friday's deadline to Monday's
    (WORKDAYS, "2024-01-05 07:00", "2024-01-07 23:00", "fresh", "2024-01-05 07:00", "2024-01-08 08:00"),
    (WORKDAYS, "2024-01-05 07:00", "2024-01-08 08:00", "overdue", "2024-01-08 08:00", "2024-01-09 08:00"),
    (WORKDAYS, "2024-01-07 20:00", "2024-01-08 08:00", "fresh", "2024-01-07 20:00", "2024-01-09 08:00"),
    (WORKDAYS, "2024-01-07 19:59", "2024-01-08 08:00", "overdue", "2024-01-08 08:00", "2024-01-09 08:00"),
    # half past two does not exist on 2024-03-31: the deadline is the end of the gap, one UTC
    (GAP, "2024-03-30 23:30", "2024-03-31 00:59", "fresh", "2024-03-30 23:30", "2024-03-31 01:00"),
    (GAP, "2024-03-30 23:30", "2024-03-31 01:00", "overdue", "2024-03-31 01:00", "2024-04-01 00:30"),
    (GAP, "2024-03-31 00:00", "2024-03-31 01:00", "fresh", "2024-03-31 00:00", "2024-04-01 00:30"),
    (GAP, "2024-03-31 00:01", "2024-04-01 00:30", "overdue", "2024-04-01 00:30", "2024-04-02 00:30"),
    # half past one comes twice on 2024-11-03: the first one counts, 05:30 UTC
    (TWICE, "2024-11-03 04:29", "2024-11-03 05:29", "fresh", "2024-11-03 04:29", "2024-11-03 05:30"),
    (TWICE, "2024-11-03 04:29", "2024-11-03 05:30", "overdue", "2024-11-03 05:30", "2024-11-04 06:30"),
    (TWICE, "2024-11-03 04:30", "2024-11-03 06:30", "fresh", "2024-11-03 04:30", "2024-11-04 06:30"),
    # an hourly deadline counts in both of the equal hours
    (HOURLY, "2024-11-03 04:55", "2024-11-03 05:00", "fresh", "2024-11-03 04:55", "2024-11-03 06:00"),
    (HOURLY, "2024-11-03 04:55", "2024-11-03 06:00", "overdue", "2024-11-03 06:00", "2024-11-03 07:00"),
    (HOURLY, "2024-03-10 06:49", "2024-03-10 07:00", "overdue", "2024-03-10 07:00", "2024-03-10 08:00"),
    (HOURLY, "2024-03-10 06:50", "2024-03-10 07:00", "fresh", "2024-03-10 06:50", "2024-03-10 08:00"),
    (HOURLY, None, "2024-11-03 05:30", "unknown", None, "2024-11-03 06:00"),
    # over a leap day, a change of the clocks, the end of a year; made in what is the future by now
    (DAY, "2024-02-28 12:00", "2024-02-29 11:59", "fresh", "2024-02-28 12:00", "2024-02-29 12:00"),
    (DAY, "2024-02-28 12:00", "2024-02-29 12:00", "overdue", "2024-02-29 12:00", None),
    (DAY, "2024-10-26 12:00", "2024-10-27 11:59", "fresh", "2024-10-26 12:00", "2024-10-27 12:00"),
    (WARNED, "2024-03-30 12:00", "2024-03-31 06:00", "warning", "2024-03-31 06:00", "2024-03-31 12:00"),
    (WARNED, "2024-12-31 12:00", "2025-01-01 12:00", "overdue", "2025-01-01 12:00", None),
    (WARNED, "2024-01-05 00:00", "2024-01-02 00:00", "fresh", "2024-01-05 00:00", "2024-01-06 00:00"),
    (NINE, "2024-01-05 08:00", "2024-01-02 00:00", "fresh", "2024-01-05 08:00", "2024-01-07 08:00"),
    # a warning in summer, and on the day the clocks go back
    (NINE, "2024-07-01 06:59", "2024-07-02 04:59", "fresh", "2024-07-01 06:59", "2024-07-02 07:00"),
    (NINE, "2024-07-01 06:59", "2024-07-02 05:00", "warning", "2024-07-02 05:00", "2024-07-02 07:00"),
    (NINE, "2024-07-01 06:59", "2024-07-02 07:00", "overdue", "2024-07-02 07:00", "2024-07-03 07:00"),
    (NINE, "2024-10-26 07:59", "2024-10-27 06:00", "warning", "2024-10-27 06:00", "2024-10-27 08:00"),
    (NINE, "2024-10-26 07:59", "2024-10-27 08:00", "overdue", "2024-10-27 08:00", "2024-10-28 08:00"),
    # a deadline that comes every four years
    (LEAP, "2024-02-28 00:00", "2024-02-29 00:00", "fresh", "2024-02-28 00:00", "2028-02-29 00:00"),
    (LEAP, "2024-02-27 23:59", "2024-02-29 00:00", "overdue", "2024-02-29 00:00", "2028-02-29 00:00"),
]


def at(text: str | None) -> datetime | None:
    return None if text is None else datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


@pytest.mark.parametrize(("policy", "made", "now", "state", "since", "deadline"), CASES)
def test_state(
    policy: FreshnessPolicy, made: str | None, now: str, state: str, since: str | None, deadline: str | None
) -> None:
    instant = at(now)
    assert instant is not None
    found = policy.status(at(made), instant)
    assert (str(found.state), found.since, found.deadline) == (state, at(since), at(deadline))
    assert found.state is policy.state(at(made), instant)


@pytest.mark.parametrize("policy", [DAY, WARNED, NINE, NINE_3H, WORKDAYS, GAP, TWICE, HOURLY])
def test_the_state_changes_exactly_at_the_instants_that_it_names(policy: FreshnessPolicy) -> None:
    for day in (datetime(2024, 3, 30, tzinfo=UTC), datetime(2024, 11, 2, 3, 17, 5, tzinfo=UTC)):
        due, warns = policy.due(day), policy.warns(day)
        assert str(policy.state(day, due)) == "overdue"
        assert str(policy.state(day, due - timedelta(microseconds=1))) == ("fresh" if warns is None else "warning")
        if warns is not None:
            assert str(policy.state(day, warns)) == "warning"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_age": "6 parsecs"}, "6 parsecs"),
        ({"max_age": timedelta(0)}, "max_age is 0:00:00"),
        ({"max_age": "0h"}, "max_age"),
        ({"max_age": 6}, "max_age is 6"),
        ({"max_age": "6h", "warn_age": "6h"}, "warn_age"),
        ({"max_age": "6h", "of": "dta"}, "of is 'dta'"),
        ({"max_age": "6h", "warn_before": "1h"}, "warn_before goes with a deadline"),
        ({"max_age": "6h", "deadline": "0 25 * * *"}, "not valid"),
        ({"max_age": "6h", "deadline": "0 9 * * *", "tz": "Europe/Berln"}, "Europe/Berln"),
        ({"max_age": "6h", "deadline": "0 9 30 2 *"}, "bad day-of-month"),
        ({"max_age": "6h", "deadline": "0 9 * * *", "warn_age": "1h"}, "warn_age goes with max_age"),
    ],
)
def test_what_cannot_be_a_policy_says_why(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match="FreshnessPolicy") as caught:
        FreshnessPolicy(**options)  # type: ignore[arg-type]
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6h", 21_600), ("1d12h", 129_600), ("1 day 12 hours", 129_600), ("90 minutes", 5_400), ("2W", 1_209_600),
     ("1.5h", 5_400), ("10 s", 10), ("3mins", 180)],
)  # fmt: skip
def test_lengths_of_time(text: str, seconds: int) -> None:
    assert read_length(text, "x") == timedelta(seconds=seconds)
    assert read_length(length_words(timedelta(seconds=seconds)), "x") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "6", "6h and more", "-1h", "6 lightyears"])
def test_no_lengths_of_time(text: str) -> None:
    with pytest.raises(UsageError, match="x is"):
        read_length(text, "x")


def test_ticks_are_half_open_on_the_left() -> None:
    nine = datetime(2024, 1, 1, 9, tzinfo=UTC)
    before = nine - timedelta(microseconds=1)
    assert next_tick("0 9 * * *", "UTC", before) == nine
    assert next_tick("0 9 * * *", "UTC", nine) == nine + timedelta(days=1)
    assert last_tick("0 9 * * *", "UTC", nine) == nine
    assert has_tick("0 9 * * *", "UTC", before, nine)
    assert not has_tick("0 9 * * *", "UTC", nine, nine)
    assert not has_tick("0 9 * * *", "UTC", nine + timedelta(hours=1), nine)
    assert not has_tick("0 9 * * *", "UTC", nine, nine + timedelta(hours=23, minutes=59))
