"""The few pieces of HTML that a report is made of. Everything that comes from outside is escaped here."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from inspire_training.names import slug
from inspire_training.reporting.style import STYLE

# Nothing may be fetched, whatever stands in the file: the browser itself refuses.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def text(value: object) -> str:
    """Escaped, with **bold** and `code` as in the project's Markdown tables."""
    escaped = html.escape(str(value), quote=True)
    # Numbers stay with their units, and intervals in one line.
    escaped = re.sub(r"(?<=[\d\]]) (?=%|of \d|ms\b)|(?<=\d of) (?=\d)|(?<=\d,) (?=[+-]?[\d.]+\])", "\u00a0", escaped)
    escaped = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escaped)
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)


def table(rows: Sequence[Sequence[object]]) -> str:
    """A table, heading first."""
    head = "".join(f"<th>{text(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>\n" for row in rows[1:])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def section(title: str, *parts: str) -> str:
    """A chapter that the contents point to."""
    inner = "\n".join(part for part in parts if part)
    return f'<section id="{slug(title)}"><h2>{text(title)}</h2>\n{inner}</section>'


def heading(title: str) -> str:
    """Of a part of a chapter."""
    return f"<h3>{text(title)}</h3>"


def paragraph(words: str, kind: str = "") -> str:
    """Of plain text, see `text`."""
    return f"<p{_class(kind)}>{text(words)}</p>"


def picture(url: str, caption: str, kind: str = "") -> str:
    """An image from a data URL."""
    told = text(caption)
    return f'<figure{_class(kind)}><img src="{url}" alt="{told}"><figcaption>{told}</figcaption></figure>'


def video(url: str, caption: str) -> str:
    """A film from a data URL."""
    return (
        f'<figure><video controls muted playsinline preload="metadata" src="{url}"></video>'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def card(name: str, number: str, *small: str) -> str:
    """One number, large."""
    lines = "".join(f"<span>{text(line)}</span>" for line in small)
    return f'<div class="card"><span class="name">{text(name)}</span><b>{text(number)}</b>{lines}</div>'


def group(kind: str, parts: Sequence[str]) -> str:
    """Parts side by side; nothing for none."""
    return f'<div class="{kind}">' + "\n".join(parts) + "</div>" if parts else ""


def page(title: str, lead: str, cards: Sequence[str], sections: Sequence[tuple[str, str]], end: str) -> str:
    """The whole file; sections are (title, HTML)."""
    contents = "".join(f'<a href="#{slug(name)}">{text(name)}</a>' for name, _ in sections)
    body = "\n".join(content for _, content in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body><div class="page">
<header><h1>{text(title)}</h1>
<p class="lead">{text(lead)}</p>
<nav>{contents}</nav>
{group("cards", cards)}
</header>
<main>
{body}
</main>
<footer class="note">{paragraph(end)}</footer>
</div></body>
</html>
"""


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
