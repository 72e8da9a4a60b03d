"""The symbols of one file from its bytes."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from assetflow.define.code.scopes import settle, union
from assetflow.define.code.shapes import Finished, parameter_names
from assetflow.define.code.symbols import FileSymbols, Part, Symbol, SymbolKind
from assetflow.define.code.tokens import effective
from assetflow.define.code.walk import Walker
from assetflow.garbage import uncollected

FUNCTION_TYPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@uncollected()  # trees are many objects: looking through them takes a quarter of the time
def read_symbols(source: bytes | str) -> FileSymbols:
    """Parse one file; what does not parse gives a value whose `error` says why."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return FileSymbols(texts={}, imports={}, error=f"{type(error).__name__}: {error}")
    walker = Walker()
    walker.module(tree)
    settle(walker.scopes)
    symbols = [_symbol(finished) for finished in walker.finished]
    imports, stars = _module_imports(walker.finished)
    return FileSymbols(
        raw=[symbol.to_json() for symbol in symbols],
        texts=_texts(walker.finished, symbols, source),
        imports=imports,
        stars=stars,
        rebound=frozenset(walker.rebound),
    )


def _symbol(finished: Finished) -> Symbol:
    frame, node = finished.frame, finished.frame.node
    uses = union(frame.scopes)
    if finished.kind is SymbolKind.STATEMENT:
        bound = frame.scopes[0].bound
        return Symbol(
            kind=finished.kind,
            qualname="",
            owner="",
            line=getattr(node, "lineno", 0),
            digest=finished.digest,
            uses=uses,
            binds=tuple(sorted(bound)),
            size=_display_size(node),
        )
    decorators = tuple(Part(callee, hexdigest, scope.uses()) for callee, hexdigest, scope in frame.decorators)
    signature, counts = None, False
    if frame.signature is not None:
        hexdigest, scope, counts = frame.signature
        signature = Part("", hexdigest, scope.uses())
    return Symbol(
        kind=finished.kind,
        qualname=frame.qualname,
        owner=finished.owner,
        line=_first_line(node),
        digest=finished.digest,
        uses=uses,
        params=tuple(parameter_names(node.args)) if isinstance(node, FUNCTION_TYPES) else (),
        decorators=decorators,
        signature=signature,
        signature_counts=counts,
        span=_span(node.body) if isinstance(node, ast.Lambda) else None,
    )


def _first_line(node: ast.AST | None) -> int:
    decorators = getattr(node, "decorator_list", [])
    return int(getattr(decorators[0] if decorators else node, "lineno", 0))


def _span(node: ast.expr) -> tuple[int, int, int, int]:
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def _display_size(node: ast.AST | None) -> int:
    """How many elements a statement `NAME = [a, b]` writes out; -1 for other statements and with `*` or `**` in it."""
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if isinstance(value, ast.Dict):
        return -1 if None in value.keys else len(value.keys)
    if isinstance(value, (ast.List, ast.Tuple, ast.Set)):
        return -1 if any(isinstance(element, ast.Starred) for element in value.elts) else len(value.elts)
    return -1


def _module_imports(
    everything: Sequence[Finished],
) -> tuple[dict[str, tuple[int, str, str]], tuple[tuple[int, str], ...]]:
    imports: dict[str, tuple[int, str, str]] = {}
    stars: list[tuple[int, str]] = []
    for finished in everything:
        if finished.kind is SymbolKind.STATEMENT:
            for name, places in finished.frame.scopes[0].imports.items():
                if name == "*":
                    stars += [(level, module) for level, module, _ in places]
                else:
                    imports[name] = places[-1]
    return imports, tuple(stars)


def _texts(everything: Sequence[Finished], symbols: Sequence[Symbol], source: bytes | str) -> dict[str, str]:
    """The source of each module-level name as it counts: without comments and docstrings, in one format."""
    for finished in everything:
        node = finished.frame.node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            node.body = effective(node.body) or [ast.Pass()]
    lines: list[str] = []
    texts: dict[str, list[str]] = {}
    for finished, symbol in zip(everything, symbols, strict=True):
        node = finished.frame.node
        if node is None or isinstance(node, (ast.Lambda, ast.Import, ast.ImportFrom)):
            continue
        names: Sequence[str] = symbol.binds
        if finished.kind is not SymbolKind.STATEMENT:
            names = () if "." in symbol.qualname else (symbol.qualname,)
        if names:
            try:
                text = ast.unparse(node)
            except RecursionError:
                lines = lines or _lines(source)
                text = "\n".join(lines[_first_line(node) - 1 : getattr(node, "end_lineno", None)])
            for name in names:
                texts.setdefault(name, []).append(text)
    return {name: "\n".join(parts) for name, parts in texts.items()}


def _lines(source: bytes | str) -> list[str]:
    return (source if isinstance(source, str) else source.decode("utf-8", "replace")).splitlines()
