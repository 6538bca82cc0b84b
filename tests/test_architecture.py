"""Imports point down only, as docs/architecture.md draws it."""

import ast
from pathlib import Path

import pytest
from helpers import ROOT

# From the bottom up. A module may import from its own layer and from those before it.
LAYERS = (
    "errors labels config",
    "files images targets",
    "losses backends networks",
    "data",
    "ondevice",
    "protection",
    "model",
    "run callbacks",
    "training",
    "distribution",
    "audit",
    "evaluation",
    "comparison applications",
    "export",
    "commands __main__",
)
HEIGHT = {part: height for height, layer in enumerate(LAYERS) for part in layer.split()}
# Beyond the order: what must not know each other although one stands below the other.
FORBIDDEN = {
    "networks": {"data"},
    "ondevice": {"data", "losses", "backends", "networks"},
    "audit": {"networks", "data", "ondevice", "protection", "model", "run", "callbacks", "training", "distribution"},
}
TRAINING_ONLY = {"tensorflow", "keras", "jax", "sklearn", "scipy", "matplotlib", "jinja2", "h5py"}


def modules():
    for folder, package in ((ROOT / "vgan_tf", "vgan_tf"), (ROOT / "export", "export")):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            part = "export" if package == "export" else parts[0]
            if path != ROOT / "vgan_tf" / "__init__.py":
                yield path, part


def imported(path):
    """Names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            # `from vgan_tf import training` names a module, too.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(name):
    """The part of the product that an imported name belongs to, or None."""
    head, _, rest = name.partition(".")
    if head == "export":
        return "export"
    part = rest.split(".")[0]
    return part if head == "vgan_tf" and part in HEIGHT else None


@pytest.mark.parametrize(("path", "part"), [pytest.param(*m, id=str(m[0].relative_to(ROOT))) for m in modules()])
def test_a_module_imports_what_stands_below_it(path, part):
    used = {other for other in map(part_of, imported(path)) if other and other != part}
    if part not in ("commands", "__main__"):
        assert not used & FORBIDDEN.get(part, set())
        above = {other for other in used - {"commands"} if HEIGHT[other] > HEIGHT[part]}
        assert not above, f"{part} imports {', '.join(sorted(above))}, which stands above it"
    if part in ("ondevice", "images", "files", "targets", "labels", "errors", "config"):
        assert not {name.split(".")[0] for name in imported(path)} & TRAINING_ONLY
