"""Reads pages as a strict reader would, with the parser of the standard library."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input", "rect", "circle", "line", "polyline"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    parent: Element | None
    children: list[Element] = field(default_factory=list)
    parts: list[str | Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(p if isinstance(p, str) else p.text for p in self.parts)

    def all(self, tag: str | None = None) -> list[Element]:
        below = [e for child in self.children for e in child.all()]
        return [e for e in [self, *below] if tag is None or e.tag == tag]


class Page(HTMLParser):
    """The elements of a page; AssertionError where it is not well-formed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html, self.declared = html, ""
        self.root = self._open = Element("", {}, None)
        self.feed(html)
        self.close()
        assert self._open is self.root, f"<{self._open.tag}> is never closed"

    def handle_decl(self, decl: str) -> None:
        self.declared = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self._add(tag, attrs)
        if tag not in VOID:
            self._open = self._open.children[-1]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID, f"<{tag}/> is not void"
        self._add(tag, attrs)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, dict(attrs), self._open)
        self._open.children.append(made)
        self._open.parts.append(made)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.tag, f"</{tag}> where <{self._open.tag}> is open"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.parts.append(data)

    def all(self, tag: str | None = None) -> list[Element]:
        return self.root.all(tag)[1 if tag is None else 0 :]

    @property
    def text(self) -> str:
        return self.root.text

    def table(self, caption: str) -> list[list[str]]:
        """The cells of the table whose caption begins so, its header first."""
        found = [t for t in self.all("table") if t.all("caption")[0].text.startswith(caption)]
        assert len(found) == 1, f"{len(found)} tables {caption!r}"
        rows = [[c for c in row.children if c.tag in ("th", "td")] for row in found[0].all("tr")]
        return [[cell.text.strip() for cell in row] for row in rows]
