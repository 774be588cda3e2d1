"""What neither ruff nor pyright looks at."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator

import pytest

from tests.house.architecture import PACKAGE, ROOT, modules

LONGEST_MODULE = 500
FORBIDDEN_WORDS = frozenset({"utils", "util", "manager", "helper", "helpers"})

# Spelled in pieces, so that this file does not find itself.
_FOLDERS = "|".join(("work", "tmp", "root", "home"))
_REGISTRIES = "|".join(
    re.escape(host)
    for host in ("pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "deb." + "debian.org",
                 "crates" + ".io", "hex" + ".pm")
)  # fmt: skip
MACHINE = re.compile(rf"(?<![\w.~/}})-])/(?:{_FOLDERS})/\w|(?<!\w)(?:[\w-]+\.)*(?:{_REGISTRIES})\b")


def tracked_files() -> list[str]:
    """The files under version control; none outside a clone."""
    if not (ROOT / ".git").exists():
        return []
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [name for name in listed.stdout.decode().split("\0") if name]


def machine_traces(text: str) -> list[str]:
    """The places in a text that only make sense on one machine, with their line numbers."""
    return [
        f"{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), start=1) if MACHINE.search(line)
    ]


def test_no_tracked_file_names_this_machine_or_a_registry():
    found: list[str] = []
    for name in tracked_files():
        path = ROOT / name
        if not path.is_file():
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found.extend(f"{name}:{trace}" for trace in machine_traces(text))
    assert found == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see " + "/wo" + "rk/main", True),
        ('open("' + "/tm" + 'p/x")', True),
        ("https://" + "pypi" + ".org/simple", True),
        ("index at files.python" + "hosted.org", True),
        ("https://example.com/home/page", False),
        ("lib/work/x, ~/home/x, $(pwd)/tmp/x", False),
        ("the /tmp folder", False),
    ],
)
def test_a_trace_of_a_machine_is_found(text: str, found: bool):
    assert bool(machine_traces(text)) is found


@pytest.mark.parametrize("module", modules())
def test_a_module_is_short_enough_to_be_read(module: str):
    lines = len(modules()[module].read_text("utf-8").splitlines())
    assert lines <= LONGEST_MODULE, f"{lines} lines: one concept, one file"


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Name what is public and says nothing about itself: the module, its classes, functions and methods."""
    if not ast.get_docstring(tree):
        yield "the module"

    def exempt(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
        return bool(decorators & {"overload", "override", "setter", "deleter"})

    def visit(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            match node:
                case ast.ClassDef(name=name) if not name.startswith("_"):
                    if not ast.get_docstring(node):
                        yield prefix + name
                    yield from visit(node.body, f"{prefix}{name}.")
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("_"):
                    if not ast.get_docstring(node) and not exempt(node):
                        yield prefix + name
                case ast.If() | ast.Try() | ast.With():
                    yield from visit(node.body, prefix)
                case _:
                    pass

    yield from visit(tree.body, "")


@pytest.mark.parametrize("module", modules())
def test_everything_public_says_what_it_is(module: str):
    assert list(undocumented(ast.parse(modules()[module].read_text("utf-8")))) == []


def test_what_is_undocumented_is_found():
    source = """
class A:
    '''Has one.'''
    def b(self): ...
    def _c(self): ...
    def __len__(self): ...
    @override
    def d(self): ...
class E:
    pass
async def f():
    '''Has one.'''
    def inner(): ...
def g(): ...
"""
    assert list(undocumented(ast.parse(source))) == ["the module", "A.b", "E", "g"]


def words(identifier: str) -> set[str]:
    """Split an identifier at underscores and capitals."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)}


def names_given(tree: ast.Module) -> Iterator[str]:
    """Every name that a module gives to something of its own."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case _:
                pass


@pytest.mark.parametrize("module", modules())
def test_no_name_says_nothing(module: str):
    given = {*names_given(ast.parse(modules()[module].read_text("utf-8"))), module.rpartition(".")[2]}
    assert {name for name in given if words(name) & FORBIDDEN_WORDS} == set()


def test_names_that_say_nothing_are_found():
    source = "import contextmanager\nclass RoomManager:\n  def help(self, socket_helper): self.utils = 1"
    assert {name for name in names_given(ast.parse(source)) if words(name) & FORBIDDEN_WORDS} == {
        "RoomManager", "socket_helper", "utils",
    }  # fmt: skip


def test_the_package_ships_its_types():
    assert (PACKAGE / "py.typed").is_file()


def test_the_metadata_shows_the_readme_once_there_is_one():
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert ("readme" in metadata) is (ROOT / "README.md").is_file()
