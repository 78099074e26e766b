"""Pages of the reference: one for each module, and one for each package that lists its modules."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PACKAGES = ("engine", "stac", "processes")
ROOT = Path(__file__).parents[2]
_LEFT_OUT = re.compile(r"migrations|__main__")
_ROLE = re.compile(r":(?:class|func|mod|meth|data|attr):<code>~?([\w.]+)</code>")
"""A reference as Sphinx writes it, after Markdown has read the name as code."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for package in PACKAGES:
        for path in modules(package):
            name = dotted(path)
            text = package_page(name) if path.name == "__init__.py" else module_page(name)
            files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Make links of Sphinx's references to names, where there is such a page."""
    if not page.file.src_uri.startswith("reference/"):
        return html
    module = page.file.src_uri.removeprefix("reference/").removesuffix(".md")

    def link(found: re.Match[str]) -> str:
        name = found[1]
        target = name if "." in name else f"{module}.{name}"
        return f'<autoref optional identifier="{target}"><code>{name}</code></autoref>'

    return _ROLE.sub(link, html)


def modules(package: str) -> Iterator[Path]:
    """Give the files of a package, those below it, too, in the order of their names."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if not _LEFT_OUT.search(str(path.relative_to(ROOT))):
            yield path


def dotted(path: Path) -> str:
    """Return the name of the module that a file is."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def module_page(name: str) -> str:
    """Return the page of a module, in Markdown."""
    return f"---\ntitle: {name}\n---\n\n# {name}\n\n::: {name}\n"


def package_page(name: str) -> str:
    """Return the page of a package: what it says of itself, and its modules."""
    rows = [f"| [`{one}`]({one}.md) | {sentence} |" for one, sentence in _members(name)]
    table = "\n".join(["| module | |", "|---|---|", *rows])
    return f"{module_page(name)}\n## Modules\n\n{table}\n"


def _members(package: str) -> Iterator[tuple[str, str]]:
    """Give the modules and packages right below a package, each with its first sentence."""
    folder = ROOT.joinpath(*package.split("."))
    for path in sorted([*folder.glob("*.py"), *folder.glob("*/__init__.py")], key=dotted):
        name = dotted(path)
        if name != package and not _LEFT_OUT.search(str(path.relative_to(ROOT))):
            yield name, _first_line(path)


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ").replace("``", "`").replace("|", "\\|")
