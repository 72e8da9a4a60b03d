"""What the walk asks about single nodes, and what it notes while it writes."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from typing import Any

from assetflow.define.code.scopes import Scope
from assetflow.define.code.symbols import SymbolKind
from assetflow.define.code.tokens import dotted_name, parsed_annotation

Function = ast.FunctionDef | ast.AsyncFunctionDef
_READERS = frozenset({"get", "getenv", "getenvb", "pop", "setdefault", "import_module", "__getitem__"})
_BUILTINS = frozenset(dir(builtins)) - {"__import__"}


class Frame:
    """One definition or part being written: its tokens so far, and the scopes whose free names are its uses."""

    __slots__ = ("decorators", "node", "out", "qualname", "scopes", "signature")

    def __init__(self, node: ast.AST | None, qualname: str) -> None:
        self.node = node
        self.qualname = qualname
        self.out: list[str] = []
        self.scopes: list[Scope] = []
        self.decorators: list[tuple[str, str, Scope]] = []
        self.signature: tuple[str, Scope, bool] | None = None


class Finished:
    """A definition that was written; it becomes a symbol when the scopes of the whole file are settled."""

    __slots__ = ("digest", "frame", "kind", "owner")

    def __init__(self, frame: Frame, kind: SymbolKind, hexdigest: str, owner: str) -> None:
        self.frame = frame
        self.kind = kind
        self.digest = hexdigest
        self.owner = owner


def note_call(scope: Scope, node: ast.Call) -> None:
    """Note a call that may read the environment or import a module, and `getattr` with a literal name."""
    target = dotted_name(node.func)
    if target and (target.rpartition(".")[2] in _READERS or ("." not in target and target not in _BUILTINS)):
        note_reader(scope, node.func, node.args[0])
    elif target == "getattr" and len(node.args) > 1:
        dotted, name = dotted_name(node.args[0]), node.args[1]
        if dotted and isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.isidentifier():
            scope.load(f"{dotted}.{name.value}")


def note_reader(scope: Scope, reader: ast.expr, argument: ast.expr) -> None:
    """Note something read under a name that is a literal or a constant."""
    target = dotted_name(reader)
    if not target:
        return
    if isinstance(argument, ast.Constant):
        if isinstance(argument.value, str):
            scope.literals.add((target, argument.value, False))
    else:
        name = dotted_name(argument)
        if name:
            scope.literals.add((target, name, True))


def parameter_names(args: ast.arguments) -> list[str]:
    """All parameter names in the order of a code object's `co_varnames`."""
    names = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    names += [a.arg for a in (args.vararg, args.kwarg) if a is not None]
    return names


def parameter_tokens(args: ast.arguments) -> str:
    """The token of a parameter list: how many of each kind, and their names."""
    groups = (args.posonlyargs, args.args, [args.vararg] if args.vararg else [], args.kwonlyargs)
    tail = [args.kwarg] if args.kwarg else []
    return " ".join(f"{len(group)} {' '.join([a.arg for a in group])}" for group in (*groups, tail)) + " "


def annotated_parts(node: Function) -> Iterable[Any]:
    """The annotated parameters by name, then what is returned."""
    args = node.args
    everything = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    for argument in everything:
        if argument is not None and argument.annotation is not None:
            yield f"{argument.arg}: "
            yield parsed_annotation(argument.annotation)
    if node.returns is not None:
        yield "-> "
        yield parsed_annotation(node.returns)


def assigned_names(node: ast.stmt) -> list[str]:
    """The plain names that an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def changed_name(node: ast.stmt) -> str | None:
    """The name whose value a statement changes in place: `NAME[k] = v`, `NAME.x = v`, `NAME.update(…)`; else None."""
    place: ast.AST | None = None
    if isinstance(node, ast.Assign):
        place = next((t for t in node.targets if isinstance(t, (ast.Subscript, ast.Attribute))), None)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        place = node.target
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        place = node.value.func if isinstance(node.value.func, ast.Attribute) else None
    while isinstance(place, (ast.Subscript, ast.Attribute)):
        place = place.value
    return place.id if isinstance(place, ast.Name) else None


def plain_field(value: object) -> str:
    """The token of a field that is no node: an operator level, a name."""
    text = str(value)
    return f"{value.__class__.__name__}{len(text)}:{text} "
