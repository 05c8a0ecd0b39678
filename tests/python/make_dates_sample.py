"""Writes `public/samples/dates.jsonl`: 300 dates in words, each with the same date in digits.

No data is downloaded: dates are drawn from the calendar with a fixed seed and put into sentences of ours, so that the file is
under the licence of the sources. The same file comes out each time:

    python tests/python/make_dates_sample.py
"""

import datetime
import json
import pathlib
import random

NUM_ROWS = 300
FIRST, LAST = datetime.date(1990, 1, 1), datetime.date(2029, 12, 31)
OUTPUT = pathlib.Path(__file__).parents[2] / "public" / "samples" / "dates.jsonl"

UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen \
eighteen nineteen".split()
TENS = {20: "twenty", 90: "ninety"}
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth \
fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split()

MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def below_hundred(number):
    """A number from 1 to 29 or from 90 to 99 in words."""
    if number < 20:
        return UNITS[number]
    tens = number // 10 * 10
    return TENS[tens] + (f"-{UNITS[number - tens]}" if number > tens else "")


def year_in_words(year):
    if year < 2000:
        return f"nineteen {below_hundred(year - 1900)}"
    if year == 2000:
        return "two thousand"
    if year < 2010:
        return f"two thousand and {below_hundred(year - 2000)}"
    return f"twenty {below_hundred(year - 2000)}"


def day_in_words(day):
    if day <= 20:
        return ORDINALS[day - 1]
    if day == 30:
        return "thirtieth"
    return f"{'twenty' if day < 30 else 'thirty'}-{ORDINALS[day % 10 - 1]}"


def day_in_digits(day):
    ending = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def sources(date):
    """The ways in which a date is written."""
    month, words, digits = MONTHS[date.month - 1], day_in_words(date.day), day_in_digits(date.day)
    return [
        f"the {words} of {month} {date.year}",
        f"{month} the {words}, {date.year}",
        f"{month} {digits}, {date.year}",
        f"{WEEKDAYS[date.weekday()]}, the {words} of {month} {date.year}",
        f"the {words} of {month}, {year_in_words(date.year)}",
        f"on the {digits} of {month} {year_in_words(date.year)}",
    ]


def main():
    generator = random.Random(2021)
    days = generator.sample(range((LAST - FIRST).days + 1), NUM_ROWS)
    lines = []
    for day in days:
        date = FIRST + datetime.timedelta(days=day)
        row = {"source": generator.choice(sources(date)), "target": date.isoformat()}
        lines.append(json.dumps(row) + "\n")
    OUTPUT.write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
