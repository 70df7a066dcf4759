"""Constants of the 64-bit hash of n-grams, shared by the kernels and the plain-Python reference.

A word or character is hashed by FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) and the
64-bit finalizer of MurmurHash3 (https://github.com/aappleby/smhasher); an n-gram combines its
parts' hashes in order. Part of the model format: never change a value.
"""

from __future__ import annotations

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3
MIX_1 = 0xFF51AFD7ED558CCD
MIX_2 = 0xC4CEB9FE1A85EC53
COMBINE = 0x9E3779B97F4A7C15

# Longer words also count by their first five characters, `train*`, and if they are longer than
# four by their last three, `*ing`: inflected forms have these in common.
PREFIX, SUFFIX = 5, 3

# Set in the hashes of parts of words (`ngrams.subwords`) and cleared in all others beside them, so
# that weights can tell them apart.
SUBWORD_BIT = 1

# What stands before the first word of a text and after the last one, and for a space between two
# characters of scripts written without spaces; no word looks like it.
START, END, GAP = "<s>", "</s>", "<sp>"

ALL_BITS = (1 << 64) - 1


def mix(value: int) -> int:
    """Return 64 bits, never 0, each of which depends on all of a value's."""
    value ^= value >> 33
    value = value * MIX_1 & ALL_BITS
    value ^= value >> 33
    value = value * MIX_2 & ALL_BITS
    value ^= value >> 33
    return value or 1


def hash_word(word: str) -> int:
    """Return the hash of a word or character."""
    value = FNV_OFFSET
    for byte in word.encode():
        value = (value ^ byte) * FNV_PRIME & ALL_BITS
    return mix(value)
