"""Turns the Markdown of ``docs/`` into pages that need nothing from outside."""

import html
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from fraud_native.documentation.drawing import svg

_STYLE: Final = """
body { font: 16px/1.55 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1.5rem; color: #1d2733; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #d5dbe3; padding: .35rem .6rem; text-align: left; vertical-align: top; }
th, code, pre { background: #f2f5f8; }
code { padding: .1rem .3rem; border-radius: 3px; }
pre { padding: .8rem; overflow-x: auto; }
a { color: #0b63a5; }
/* a picture may use the whole window, and is never too small to read */
figure { overflow-x: auto; width: calc(100vw - 5rem); margin: 1rem calc(50% - 50vw + 2.5rem); }
figure svg { width: 100%; min-width: 110rem; }
nav { margin-bottom: 1.5rem; }
"""
# the order of the index; a folder that is not named comes last under its own name
_SECTIONS: Final = {"": "Data", "runbooks": "Runbooks: what to do when an alert fires", "adr": "Decisions"}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the site, by its path inside it."""

    path: PurePosixPath
    title: str

    @property
    def section(self) -> str:
        return "" if len(self.path.parts) == 1 else self.path.parts[0]


def write_pages(source: Path, site: Path) -> list[Page]:
    """Writes every ``*.md`` below ``source`` as HTML, into an emptied folder."""
    shutil.rmtree(site, ignore_errors=True)
    names = {PurePosixPath(file.relative_to(source).as_posix()) for file in source.rglob("*.md")}
    pages = []
    for name in sorted(names):
        text = (source / name).read_text(encoding="utf-8")
        page = Page(name.with_suffix(".html"), _title(text, name.stem))
        _write(site / page.path, page.title, to_html(text, name, names), up="../" * (len(name.parts) - 1))
        pages.append(page)
    return pages


def write_index(pages: Sequence[Page], site: Path) -> None:
    """Writes the page that leads to all others."""
    sections: dict[str, list[str]] = {name: [] for name in _SECTIONS}
    sections[""].append('<li><a href="dbt/index.html">dbt: every model, its columns, tests and graph</a></li>')
    for page in pages:
        sections.setdefault(page.section, []).append(f'<li><a href="{page.path}">{html.escape(page.title)}</a></li>')
    body = "".join(
        f"<h2>{html.escape(_SECTIONS.get(name, name))}</h2><ul>{''.join(entries)}</ul>"
        for name, entries in sections.items()
        if entries
    )
    _write(site / "index.html", "fraud-watch", f"<h1>fraud-watch</h1>{body}", up="")


def to_html(text: str, name: PurePosixPath, names: set[PurePosixPath]) -> str:
    """Renders one page; links to other pages lead to them, links into the repository become plain text."""
    markdown = MarkdownIt("commonmark").enable("table")
    markdown.add_render_rule("fence", _fence)
    tokens = markdown.parse(text)
    for token in tokens:
        _point_links(token.children or [], name, names)
    rendered: str = markdown.renderer.render(tokens, markdown.options, {})
    return rendered


def _point_links(tokens: list[Token], name: PurePosixPath, names: set[PurePosixPath]) -> None:
    led_nowhere: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            href = str(token.attrs["href"])
            target, _, place = href.partition("#")
            page = _resolve(name.parent / target)
            led_nowhere.append(bool(target) and ":" not in href and page not in names)
            if page in names:
                token.attrs["href"] = target.removesuffix(".md") + ".html" + (f"#{place}" if place else "")
            if led_nowhere[-1]:
                token.tag, token.attrs = "span", {}
        elif token.type == "link_close" and led_nowhere.pop():
            token.tag = "span"


def _resolve(path: PurePosixPath) -> PurePosixPath:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)


def _fence(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    if token.info.strip() == "mermaid":
        return f"<figure>{svg(token.content)}</figure>"
    return RendererHTML.fence(self, tokens, index, options, env)


def _title(text: str, otherwise: str) -> str:
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found.group(1).replace("`", "") if found else otherwise


def _write(file: Path, title: str, body: str, up: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    navigation = "" if file.name == "index.html" and not up else f'<nav><a href="{up}index.html">fraud-watch</a></nav>'
    file.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style>{navigation}{body}</html>",
        encoding="utf-8",
    )
