"""What `from rxphoenix import *` gives: exactly the documented public names, each one ours."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import rxphoenix
from rxphoenix import errors, server, testing
from tests.house.architecture import PACKAGE

INIT = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))


def public_names() -> list[str]:
    """The `__all__` of the package, or nothing while there is none; its own test tells."""
    return list(getattr(rxphoenix, "__all__", []))


def in_isort_order(names: list[str]) -> list[str]:
    """Sort as ruff sorts `__all__`: constants, then classes, then the rest."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def described_assignments(source: str) -> set[str]:
    """The names in a module whose assignment is followed by a string that describes them."""
    body = ast.parse(source).body
    described: set[str] = set()
    for statement, follower in pairwise(body):
        match statement, follower:
            case (
                (ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name))),
                ast.Expr(value=ast.Constant(value=str())),
            ):
                described.add(name)
            case _:
                pass
    return described


def test_all_is_explicit_sorted_and_complete():
    literals = [
        ast.literal_eval(statement.value)
        for statement in INIT.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"
    ]
    assert len(literals) == 1, "rxphoenix/__init__.py has one literal __all__"
    assert literals[0] == in_isort_order(literals[0])
    assert len(set(literals[0])) == len(literals[0])
    namespace: dict[str, Any] = {}
    exec("from rxphoenix import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(literals[0])


def test_the_package_has_no_other_public_name():
    others = {
        name
        for name, value in vars(rxphoenix).items()
        if not name.startswith("_") and name not in public_names() and not isinstance(value, ModuleType)
    }
    assert others <= {"TYPE_CHECKING"}
    foreign = {
        name
        for name, value in vars(rxphoenix).items()
        if isinstance(value, ModuleType)
        and not name.startswith("_")
        and name.isidentifier()  # pytest rewrites the asserts of a package with a plugin, and adds "@py_builtins"
        and not value.__name__.startswith("rxphoenix.")
    }
    assert foreign == set()


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_is_ours_and_described(name: str):
    value: Any = getattr(rxphoenix, name)
    # typing.Any is a class too: one from elsewhere passes only as an alias that is described.
    if (inspect.isclass(value) or inspect.isroutine(value)) and value.__module__.split(".")[0] == "rxphoenix":
        assert (value.__doc__ or "").strip(), f"{name} has no docstring of its own"
        return
    # An alias or a constant: described by the string that follows its assignment, where it is defined.
    sources = [
        statement.module
        for statement in ast.walk(INIT)
        if isinstance(statement, ast.ImportFrom) and name in {alias.asname or alias.name for alias in statement.names}
    ]
    assert len(sources) == 1
    assert sources[0] is not None
    assert sources[0].split(".")[0] == "rxphoenix"
    source = inspect.getsource(sys.modules[sources[0]])
    assert name in described_assignments(source), f"no string follows the assignment of {name} in {sources[0]}"


def test_every_error_is_exported():
    assert set(errors.__all__) - set(public_names()) == set()
    assert {name for name in errors.__all__ if getattr(rxphoenix, name) is not getattr(errors, name)} == set()


def drawn_tree(drawing: str) -> dict[str, str | None]:
    """Read a tree drawn with box characters: each name with the name that it hangs from."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in drawing.splitlines():
        match = re.fullmatch(r"(?P<branch>[│├└─ ]*)(?P<name>[A-Za-z]\w*)(?: {2,}.*)?", line)
        if match is None:
            continue
        depth = len(match["branch"]) // 4
        del path[depth:]
        parents[match["name"]] = path[-1] if path else None
        path.append(match["name"])
    return parents


def test_the_drawn_tree_of_errors_is_the_tree_of_errors():
    drawing = re.search(r"```text\n(.*?)```", inspect.getdoc(errors) or "", re.DOTALL)
    assert drawing is not None
    defined = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, BaseException)]
    actual: dict[str, str | None] = {}
    for error in defined:
        assert error.__module__ == errors.__name__
        ours = [base.__name__ for base in error.__bases__ if base.__module__ == errors.__name__]
        assert len(ours) == (error is not errors.PhoenixError), f"{error.__name__} hangs from one error of ours"
        actual[error.__name__] = ours[0] if ours else None
    assert drawn_tree(drawing[1]) == actual
    assert set(errors.__all__) == set(actual)


def test_a_drawn_tree_is_read_by_its_indentation():
    drawing = "Root\n├── A    what it is\n│   └── B\n│       └── C   deep\n└── D\n"
    assert drawn_tree(drawing) == {"Root": None, "A": "Root", "B": "A", "C": "B", "D": "Root"}


@pytest.mark.parametrize("package", [rxphoenix, server, testing], ids=lambda package: package.__name__)
def test_each_name_is_loaded_from_where_type_checkers_read_that_it_is(package: ModuleType):
    assert package.__file__ is not None
    read = {
        alias.name: statement.module
        for statement in ast.walk(ast.parse(Path(package.__file__).read_text("utf-8")))
        if isinstance(statement, ast.ImportFrom) and statement.module != "rxphoenix.loading"
        for alias in statement.names
    }
    assert read == {name: module for module, names in package._MODULES.items() for name in names}
    assert set(read) == set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'Sockets'"):
        _ = package.Sockets


def loaded_by(statement: str) -> set[str]:
    """The modules that a program has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    command = [sys.executable, "-W", "error", "-c", program]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_loads_next_to_nothing():
    # so that the command answers at once, and Ctrl-C in its first moments is quiet
    loaded = loaded_by("import rxphoenix.__main__")
    assert {name for name in loaded if name.startswith("rxphoenix.")} == {"rxphoenix.__main__", "rxphoenix.loading"}
    assert not loaded & {"reactivex", "msgspec", "asyncio", "argparse", "typing"}


def test_the_pytest_plugin_loads_no_client_before_a_test_asks_for_it():
    assert not loaded_by("import rxphoenix.testing.plugin") & {"reactivex", "msgspec", "rxphoenix.testing.world"}


@pytest.mark.parametrize(
    "statement", ["from rxphoenix import Socket, iterate", "from rxphoenix.testing import marbles"]
)
def test_without_the_usual_transport_aiohttp_is_not_loaded(statement: str):
    # Whoever brings a transport of their own, or only tests in virtual time, does not pay for it.
    assert "aiohttp" not in loaded_by(statement)
