"""The sample corpus: messages to the support desk of a web shop, generated from a seed.

`python -m textclf.sample [FOLDER]` writes train.csv and test.csv. The texts are made to be as hard
as real ones: all classes talk about the same things, many messages mention a second subject that is
not what they are about, some say next to nothing, words are misspelt, and some labels are wrong.
"""

from __future__ import annotations

import csv
import io
import random
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

SEED = 20_240_229
TRAIN_ROWS = 4_000
TEST_ROWS = 1_000
HEADER = ("label", "text")

# Shares of the messages: with a second subject, with nothing but hints, mislabelled; and of the
# words: misspelt.
SECOND_SUBJECT = 0.15
HINTS_ONLY = 0.08
WRONG_LABEL = 0.06
MISSPELT = 0.02

# What a message is about. {item} and the like are drawn from SLOTS.
REQUESTS: dict[str, tuple[str, ...]] = {
    "account": (
        "I cannot sign in to my account {since}",
        "please change the address in my profile",
        "the password link in your mail has expired",
        "I want to close my account",
        "somebody else is using my account to order {item}s",
        "my new phone number is not saved",
        "the code for signing in never arrives",
        "merge my two accounts, the orders are in both",
        "I no longer want your newsletter",
        "my name is misspelt on every order",
        "how do I change the card in my profile",
        "it says that my mail address is already taken",
    ),
    "billing": (
        "I was charged twice for the {item}",
        "please send the invoice for my order {since}",
        "the invoice shows the wrong address",
        "my voucher was not taken off the price of the {item}",
        "you took {amount} from my card and I do not know what for",
        "when will I get my {amount} back for the {item}",
        "the payment for the {item} was declined but the money is gone",
        "can I pay for the {item} in instalments",
        "shipping was free in the shop and is {amount} on the bill",
        "I got a reminder for a bill that I paid {since}",
        "the price of the {item} went up after I ordered",
        "I need the tax number of your company on the bill",
    ),
    "delivery": (
        "my {item} has not arrived, I ordered it {since}",
        "where is my {item}",
        "the parcel was left with a neighbour that I do not know",
        "the tracking number does not work",
        "the driver did not ring and took the {item} away again",
        "please send the {item} to another address",
        "only one of the two {item}s was in the parcel",
        "can you deliver the {item} before {day}",
        "the tracking page has said the same {since}",
        "the box arrived open and empty",
        "my order was to come on {day} and did not",
        "the pick-up shop says that my code is wrong",
    ),
    "returns": (
        "I want to send the {item} back",
        "the {item} is too small, can I have a larger one",
        "you sent a {item} in the wrong colour",
        "how long can I return the {item}",
        "please send a label for the parcel with the {item}",
        "the {item} came with a crack and I want a new one",
        "I changed my mind about the {item}",
        "I sent the {item} back {since} and heard nothing",
        "do I have to pay for sending the {item} back",
        "can I swap the {item} for another model",
        "the {item} is not what the picture shows",
        "I opened the {item}, may I still return it",
    ),
    "technical": (
        "the {item} does not switch on",
        "the {item} loses its connection {often}",
        "how do I reset the {item}",
        "the {item} makes a noise {often}",
        "your app closes when I open my order",
        "the page stays blank when I want to pay",
        "the battery of the {item} is empty after an hour",
        "the {item} shows an error with the number {number}",
        "after the update the {item} is slow",
        "the {item} does not pair with my phone",
        "is there a manual for the {item}",
        "the screen of the {item} has gone dark {since}",
    ),
}

# What a message says when it hardly says what it is about; each fits several classes.
HINTS: dict[str, tuple[str, ...]] = {
    "account": ("it is still the old address", "your page does not let me in", "I changed my mind"),
    "billing": ("I want my money", "the number on the paper is wrong", "it was cheaper before"),
    "delivery": (
        "I am still waiting for the {item}",
        "nobody was here on {day}",
        "nothing happens",
    ),
    "returns": ("wrong {item}", "I want my money", "I do not want the {item} any more"),
    "technical": ("the {item} does not work", "nothing happens", "your page does not let me in"),
}

SLOTS: dict[str, tuple[str, ...]] = {
    "item": ("kettle", "lamp", "headset", "router", "phone", "jacket", "keyboard", "camera",
             "printer", "watch", "speaker", "charger", "backpack", "monitor", "blender"),
    "since": ("on Monday", "last week", "two weeks ago", "in March", "yesterday", "ten days ago",
              "before the holidays", "this morning"),
    "day": ("Friday", "Tuesday", "the weekend", "my birthday", "Wednesday", "the first"),
    "often": ("every few minutes", "at night", "now and then", "since the update", "all day"),
    "amount": ("12 euros", "49.90", "8.50", "120 dollars", "3.99", "some 30 pounds"),
    "number": ("17", "404", "E3", "1009", "52"),
}  # fmt: skip

OPENERS = ("", "", "", "Hello,", "Hi there,", "Dear team,", "Good morning,", "This is urgent:",
           "Second mail about this:", "Once more:")  # fmt: skip
CLOSERS = ("", "", "", "Thanks!", "Please help.", "Kind regards", "What now?", "Please call me.",
           "I am not happy.", "Order {order}.")  # fmt: skip
BRIDGES = ("By the way,", "Also", "And", "Last time", "It is not that", "As for the rest,")


def rows(count: int, seed: int) -> list[tuple[str, str]]:
    """Return `count` pairs of label and text; the same seed gives the same rows everywhere."""
    rng = random.Random(seed)
    return [_row(rng) for _ in range(count)]


def write(folder: str | Path) -> list[Path]:
    """Write train.csv and test.csv into `folder` and return their paths."""
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    written = []
    for name, count, seed in (("train", TRAIN_ROWS, SEED), ("test", TEST_ROWS, SEED + 1)):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows(count, seed))
        path = where / f"{name}.csv"
        path.write_bytes(text.getvalue().encode("utf-8"))
        written.append(path)
    return written


def _row(rng: random.Random) -> tuple[str, str]:
    label = _pick(rng, tuple(REQUESTS))
    pool = HINTS if rng.random() < HINTS_ONLY else REQUESTS
    parts = [_capital(_pick(rng, pool[label])) + "."]
    if rng.random() < SECOND_SUBJECT:
        other = _pick(rng, tuple(REQUESTS))
        parts.append(f"{_pick(rng, BRIDGES)} {_pick(rng, REQUESTS[other])}.")
        if rng.random() < 0.1:  # what it is about comes last
            parts.reverse()
    text = " ".join([_pick(rng, OPENERS), *parts, _pick(rng, CLOSERS)]).strip()
    words = [_misspell(rng, word) for word in _fill(rng, text).split()]
    if rng.random() < WRONG_LABEL:
        label = _pick(rng, [each for each in REQUESTS if each != label])
    return label, " ".join(words)


def _fill(rng: random.Random, text: str) -> str:
    for slot, values in SLOTS.items():
        text = text.replace("{" + slot + "}", _pick(rng, values))
    return text.replace("{order}", str(10_000 + int(rng.random() * 90_000)))


def _misspell(rng: random.Random, word: str) -> str:
    """Swap two letters of some of the longer words."""
    if len(word) < 4 or not word.isalpha() or rng.random() >= MISSPELT:
        return word
    at = 1 + int(rng.random() * (len(word) - 2))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _pick(rng: random.Random, values: Sequence[str]) -> str:
    # only random() is promised to give the same numbers in every version of Python
    return values[int(rng.random() * len(values))]


if __name__ == "__main__":
    target = sys.argv[1] if sys.argv[1:] else Path(str(resources.files("textclf.data"))) / "sample"
    write(target)
