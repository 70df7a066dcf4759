"""Sets of other kinds and languages, made of what Debian ships.

python -m tests.benchmarks.debian --output DIR

It needs Debian's apt and dpkg, and fetches lists and packages into DIR. The classes are sections,
maintainers, roles and programming languages of packages, languages of their names, collections of
fortunes, and sections of the manual. Three fourths of the rows are to train on, by a hash of the
text; no text is there twice.
"""

from __future__ import annotations

import argparse
import gzip
import random
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .sets import Row, write_set

LANGUAGES = {
    "en": "en", "de": "de", "fr": "fr", "it": "it", "ja": "ja", "pl": "pl", "ru": "ru",
    "pt": "pt_BR", "ko": "ko", "uk": "uk", "es": "es", "cs": "cs", "sk": "sk", "zh": "zh_CN",
    "da": "da", "fi": "fi",
}  # fmt: skip
_SECTIONS = ("en", "de", "fr", "it", "ja", "pl", "ru", "pt", "ko", "uk", "es", "cs", "zh")
_FORTUNES = ("en", "de", "ru", "it", "es", "pl", "cs")
_MANUALS = ("en", "de", "fr", "ja", "pl", "ru", "es", "zh")
_PACKAGES = (
    "fortunes", "fortunes-min", "fortunes-de", "fortunes-ru", "fortunes-it", "fortunes-es",
    "fortunes-pl", "fortunes-cs", "manpages", "manpages-dev", "manpages-de", "manpages-de-dev",
    "manpages-fr", "manpages-ja", "manpages-ja-dev", "manpages-pl", "manpages-ru", "manpages-zh",
    "manpages-es",
)  # fmt: skip
_LANGUAGE_ROWS = 1500


class Package(NamedTuple):
    """A package in one language."""

    section: str
    maintainer: str  # the address
    tags: str
    short: str
    long: str


class Lists:
    """Debian's lists of packages and of their descriptions.

    Args:
        folder: Where they are fetched to.
        suite: Debian's release.
    """

    def __init__(self, folder: Path, suite: str) -> None:
        self._suite, self._lists = suite, folder / "lists"
        for needed in (self._lists / "partial", folder / "cache" / "archives" / "partial"):
            needed.mkdir(parents=True, exist_ok=True)
        wanted = " ".join(f'"{name}";' for name in LANGUAGES.values())
        config = folder / "apt.conf"
        config.write_text(f"#clear Acquire::Languages;\nAcquire::Languages {{ {wanted} }};\n")
        self._apt = [
            "-q", "-c", str(config), "-o", f"Dir::State::Lists={self._lists}",
            "-o", f"Dir::Cache={folder / 'cache'}",
        ]  # fmt: skip
        subprocess.run(["apt-get", "update", *self._apt], check=True)
        self._known: dict[str, dict[str, str]] = {}
        for stanza in self._stanzas("binary-*_Packages"):
            self._known.setdefault(stanza["Package"], stanza)

    def unpack(self, package: str, folder: Path) -> None:
        """Fetch a package and unpack it, without installing it."""
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", *self._apt, package], check=True, cwd=folder)
        for file in folder.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(file), str(folder / package)], check=True)

    def described(self, language: str) -> Iterator[Package]:
        """Yield the packages described in a language, the first of each source."""
        seen = set()
        name = LANGUAGES[language].replace("_", "%5f")
        for stanza in self._stanzas(f"i18n_Translation-{name}"):
            own = self._known.get(stanza.get("Package", ""))
            said = [
                text for field, text in stanza.items()
                if field.startswith("Description-") and field != "Description-md5"
            ]  # fmt: skip
            if own is None or not said:
                continue
            source = own.get("Source", own["Package"]).split()[0]
            if source in seen:
                continue
            seen.add(source)
            short, _, long = said[0].partition("\n")
            address = own["Maintainer"].rpartition("<")[2].rstrip(">")
            section = own["Section"].rpartition("/")[2]
            yield Package(section, address, own.get("Tag", ""), short, long)

    def _stanzas(self, name: str) -> Iterator[dict[str, str]]:
        (file,) = self._lists.glob(f"*_dists_{self._suite}_main_{name}*")
        helper = ["/usr/lib/apt/apt-helper", "cat-file", str(file)]
        text = subprocess.run(helper, check=True, capture_output=True).stdout
        for stanza in text.decode("utf-8", "replace").split("\n\n"):
            fields: dict[str, str] = {}
            field = ""
            for line in stanza.split("\n"):
                if line.startswith(" ") and field:
                    fields[field] += "\n" + line[1:]
                elif ":" in line:
                    field, _, value = line.partition(":")
                    fields[field] = value.strip()
            if fields:
                yield fields


def write_package_sets(lists: Lists, output: Path) -> None:
    """Write the sets made of descriptions of packages."""
    described = {language: list(lists.described(language)) for language in LANGUAGES}
    english = described["en"]

    def whole(packages: Iterable[Package]) -> list[Row]:
        return [(p.section, f"{p.short}. {p.long}") for p in packages]

    def tagged(facet: str) -> list[tuple[str, Package]]:
        found = [(re.findall(rf"{facet}::([\w+-]+)", p.tags), p) for p in english]
        return [(values[0], p) for values, p in found if len(values) == 1]

    for language in _SECTIONS:
        write_set(output / f"sec_{language}", whole(described[language]))
    write_set(output / "sec_en_short", [(p.section, p.short) for p in english])
    write_set(output / "sec_en_top12", whole(english), classes=12)
    write_set(output / "sec_it_top10", whole(described["it"]), classes=10)
    maintainers = [(p.maintainer, f"{p.short}. {p.long}") for p in english]
    write_set(output / "maint_en", maintainers, least=60)
    implemented = [(value, f"{p.short}. {p.long}") for value, p in tagged("implemented-in")]
    write_set(output / "impl_en", implemented)
    write_set(output / "role_short", [(value, p.short) for value, p in tagged("role")])
    languages: list[Row] = []
    for language, packages in described.items():
        names = [p.short for p in packages]
        random.Random(2).shuffle(names)
        languages += [(language, name) for name in names[:_LANGUAGE_ROWS]]
    write_set(output / "langid", languages)


def write_fortune_sets(unpacked: Path, output: Path) -> None:
    """Write the sets whose classes are collections of fortunes."""
    for language in _FORTUNES:
        packages = ("fortunes", "fortunes-min") if language == "en" else (f"fortunes-{language}",)
        folders = [unpacked / name / "usr/share/games/fortunes" for name in packages]
        rows: list[Row] = []
        for file in sorted(path for folder in folders for path in folder.rglob("*")):
            if not file.is_file():
                continue
            if "." in file.name and file.suffix != ".fortunes":
                continue  # an index
            text = file.read_bytes().decode("utf-8", "replace")
            rows += [(file.name, saying) for saying in re.split(r"\n%+\n", text)]
        write_set(output / f"fort_{language}", rows, least=100 if language == "en" else 40)


def write_manual_sets(unpacked: Path, output: Path) -> None:
    """Write the sets of paragraphs of the manual, whose classes are its sections."""
    for language in _MANUALS:
        pattern = "manpages*/usr/share/man/man?/*.gz"
        if language != "en":
            pattern = f"manpages-{language}*/usr/share/man/{language}*/man?/*.gz"
        rows: list[Row] = []
        for file in sorted(unpacked.glob(pattern)):
            if section := re.search(r"\.(\d)[a-z]*\.gz$", file.name):
                rows += [(section[1], text) for text in _paragraphs(file, language)]
        write_set(output / f"man_{language}", rows, most=40_000)


def _paragraphs(file: Path, language: str) -> Iterator[str]:
    text = gzip.decompress(file.read_bytes()).decode("utf-8", "replace")
    text = re.sub(r'^\.\\".*$', "", text, flags=re.MULTILINE)
    text = re.sub(r"\\f[BIRP]|\\-", "", text)
    for part in re.split(r"\n\.(?:PP|P|SH|LP|TP|SS).*\n", text):
        paragraph = re.sub(r"^\.\w+", "", part, flags=re.MULTILINE)
        if language in ("ja", "zh"):
            fits = 40 <= len(paragraph) <= 1500
        else:
            fits = 15 <= len(paragraph.split()) <= 300
        if fits:
            yield paragraph


def main() -> None:
    """Fetch what is needed, and write the sets."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.debian")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--suite", default="bookworm", help="Debian's release")
    args = parser.parse_args()
    fetched = args.output.resolve() / ".fetched"
    lists = Lists(fetched, args.suite)
    for package in _PACKAGES:
        lists.unpack(package, fetched / "packages")
    write_package_sets(lists, args.output)
    write_fortune_sets(fetched / "packages", args.output)
    write_manual_sets(fetched / "packages", args.output)


if __name__ == "__main__":
    main()
