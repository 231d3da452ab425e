import re
from pathlib import Path, PurePosixPath

from fraud_native.documentation.site import to_html, write_index, write_pages

ROOT = Path(__file__).parents[4]


def page(text: str, name: str = "runbooks/ApiDown.md") -> str:
    names = {PurePosixPath(other) for other in (name, "features.md", "runbooks/BronzeStale.md")}
    return to_html(text, PurePosixPath(name), names)


def test_links_between_pages_lead_to_the_pages() -> None:
    assert '<a href="BronzeStale.html">' in page("[other](BronzeStale.md)")
    assert '<a href="../features.html#window">' in page("[features](../features.md#window)")


def test_links_into_the_repository_become_plain_text() -> None:
    shown = page("see [the code](../../infra/native/x.py) and [that](gone.md)")
    assert "href" not in shown
    assert "<span>the code</span>" in shown


def test_links_to_elsewhere_and_within_a_page_stay() -> None:
    assert '<a href="https://example.org/a.md">' in page("[x](https://example.org/a.md)")
    assert '<a href="#below">' in page("[x](#below)")


def test_a_flow_chart_becomes_a_picture_and_code_stays_code() -> None:
    assert "<svg" in page('```mermaid\nflowchart LR\nsubgraph s["S"]\na["b"]\nend\n```')
    assert "<pre><code>a --&gt; b" in page("```\na --> b\n```")


def test_every_page_of_the_repository_is_in_the_index_and_every_link_ends_somewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    pages = write_pages(ROOT / "docs", site)
    write_index(pages, site)
    (site / "dbt").mkdir()
    (site / "dbt/index.html").touch()
    linked = set(re.findall(r'href="([^"]+)"', (site / "index.html").read_text(encoding="utf-8")))
    assert {str(one.path) for one in pages} <= linked
    assert {"lineage.html", "features.html", "dbt/index.html"} <= linked
    dead = [
        f"{file.relative_to(site)}: {href}"
        for file in site.rglob("*.html")
        for href in re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', file.read_text(encoding="utf-8"))
        if not (file.parent / href).exists()
    ]
    assert dead == []
    assert "<svg" in (site / "lineage.html").read_text(encoding="utf-8")


def test_what_an_earlier_build_left_is_gone(tmp_path: Path) -> None:
    (tmp_path / "old.html").touch()
    write_pages(ROOT / "docs", tmp_path)
    assert not (tmp_path / "old.html").exists()
