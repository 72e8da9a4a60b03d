"""From source text to symbols: one walk over the syntax tree writes canonical tokens and collects what names are used.

The tokens leave out what does not count (comments and formatting, which the tree does not hold; docstrings, `pass`,
annotations nobody evaluates, string prefixes, positions) and are the same for every Python version: fields that are
absent or empty are not written, so that a field a later version adds changes nothing. Each definition is written into a
buffer of its own and appears in the buffer around it as its digest.

The walk keeps its own stack: a method chain or a sum of a thousand terms is a tree a thousand levels deep.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from assetflow.define.code.digest import digest
from assetflow.define.code.scopes import Scope, ScopeKind
from assetflow.define.code.shapes import (
    Finished,
    Frame,
    Function,
    annotated_parts,
    assigned_names,
    changed_name,
    note_call,
    note_reader,
    parameter_names,
    parameter_tokens,
    plain_field,
)
from assetflow.define.code.symbols import SymbolKind
from assetflow.define.code.tokens import (
    BLOCKS,
    constant,
    dotted_name,
    effective,
    fields_of,
    is_transparent,
    merged_parts,
    parsed_annotation,
)


class Walker:
    """Writes one module; `finished` then holds its definitions and statements."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.frames: list[Frame] = [Frame(None, "")]
        self.out: list[str] = self.frames[0].out
        self.scopes: list[Scope] = []
        self.scope = self._new_scope(ScopeKind.OPEN, None)
        self.finished: list[Finished] = []
        self.rebound: set[str] = set()
        self.owner = ""

    # --- the loop --------------------------------------------------------------------------------------------

    def run(self, *items: Any) -> None:
        """Write items in order: nodes, ready tokens (text), and (function, argument…) tuples for later."""
        stack = self.stack
        stack.extend(reversed(items))
        while stack:
            item = stack.pop()
            kind = item.__class__
            if kind is str:
                self.out.append(item)
            elif kind is tuple:
                item[0](self, *item[1:])
            else:
                visit = _VISITORS.get(kind)
                if visit is None:
                    self._node(item)
                else:
                    visit(self, item)

    def _push(self, *items: Any) -> None:
        self.stack.extend(reversed(items))

    def _node(self, node: ast.AST) -> None:
        """Any node without a rule of its own: its name, then the fields that are there, then an end mark."""
        values = node.__dict__
        items: list[Any] = []
        for field in fields_of(node.__class__.__name__):
            value = values.get(field)
            if value is None:
                continue
            if value.__class__ is list:
                if field in BLOCKS:
                    value = effective(value)
                if value:
                    items.append(f"{field}[{len(value)} ")
                    items.extend(["~ " if part is None else part for part in value])
            elif isinstance(value, ast.AST):
                items.append(f"{field} ")
                items.append(value)
            else:
                items.append(f"{field}={plain_field(value)}")
        self.out.append(f"({node.__class__.__name__} ")
        items.append(") ")
        self.stack.extend(reversed(items))

    # --- scopes and frames -----------------------------------------------------------------------------------

    def _new_scope(self, kind: ScopeKind, parent: Scope | None, *, passes_on: bool = True) -> Scope:
        scope = Scope(kind, parent, passes_on=passes_on)
        self.scopes.append(scope)
        return scope

    def _enter(self, scope: Scope) -> None:
        self.scope = scope

    def _open_frame(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.out = frame.out

    def _close_frame(self) -> tuple[Frame, str]:
        frame = self.frames.pop()
        self.out = self.frames[-1].out
        return frame, digest("tree", "".join(frame.out))

    def _inner_qualname(self, name: str) -> str:
        frame = self.frames[-1]
        if not frame.qualname:
            return name
        joint = "." if isinstance(frame.node, ast.ClassDef) else ".<locals>."
        return f"{frame.qualname}{joint}{name}"

    # --- names -----------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name) -> None:
        self.out.append(f"N{node.id} ")
        if isinstance(node.ctx, ast.Load):
            self.scope.load(node.id)
        else:
            self.scope.bind(node.id)

    def _attribute(self, node: ast.Attribute) -> None:
        dotted = dotted_name(node)
        if dotted:
            self.out.append(f"N{dotted} ")
            self.scope.load(dotted)
        else:
            self.out.append(f"(Attribute {node.attr} ")
            self._push(node.value, ") ")

    def _constant(self, node: ast.Constant) -> None:
        self.out.append(constant(node.value))

    def _global(self, node: ast.Global) -> None:
        self.out.append(f"(Global {' '.join(sorted(node.names))}) ")
        self.scope.outer.update(node.names)
        self.rebound.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal) -> None:
        self.out.append(f"(Nonlocal {' '.join(sorted(node.names))}) ")
        self.scope.sealed.update(node.names)

    def _import(self, node: ast.Import) -> None:
        self._node(node)
        for alias in node.names:
            top = alias.name.partition(".")[0]
            if alias.asname is None or alias.asname == alias.name:
                self._bind_import(top, (0, alias.name, ""))
            else:
                module, _, name = alias.name.rpartition(".")
                self._bind_import(alias.asname, (0, module, name) if module else (0, alias.name, ""))

    def _import_from(self, node: ast.ImportFrom) -> None:
        self._node(node)
        for alias in node.names:
            self._bind_import(alias.asname or alias.name, (node.level, node.module or "", alias.name))

    def _bind_import(self, name: str, place: tuple[int, str, str]) -> None:
        self.scope.bind(name)
        scope: Scope | None = self.scope
        while scope is not None and scope.kind is ScopeKind.OPEN and scope.parent is not None:
            scope = scope.parent
        assert scope is not None
        scope.imports.setdefault(name, []).append(place)

    def _bound_field(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self.scope.bind(node.name)
        self._node(node)

    def _match_mapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self.scope.bind(node.rest)
        self._node(node)

    def _walrus(self, node: ast.NamedExpr) -> None:
        self.scope.bind_outside_comprehension(node.target.id)
        self._push(f"(NamedExpr N{node.target.id} ", node.value, ") ")

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.scope.load(node.target.id)
        self._node(node)

    def _annotated(self, node: ast.AnnAssign) -> None:
        """`x: T = 1` counts as `x = 1`, but for the fields of a class, where annotations are read at run time."""
        if self.scope.kind is ScopeKind.CLASS:
            value: tuple[Any, ...] = () if node.value is None else ("value ", node.value)
            self._push("(AnnAssign ", node.target, parsed_annotation(node.annotation), *value, ") ")
        elif node.value is None:
            self._push("(Declare ", node.target, ") ")
        else:
            self._push("(Assign targets[1 ", node.target, "value ", node.value, ") ")

    # --- literal reads: the environment, modules imported by name --------------------------------------------

    def _call(self, node: ast.Call) -> None:
        if node.args and isinstance(node.func, (ast.Name, ast.Attribute)):
            note_call(self.scope, node)
        self._node(node)

    def _subscript(self, node: ast.Subscript) -> None:
        note_reader(self.scope, node.value, node.slice)
        self._node(node)

    def _compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            note_reader(self.scope, node.comparators[0], node.left)
        self._node(node)

    def _formatted(self, node: ast.FormattedValue) -> None:
        items: list[Any] = [f"(FormattedValue {node.conversion} ", node.value]
        if isinstance(node.format_spec, ast.JoinedStr) and merged_parts(node.format_spec):
            items += ["spec ", node.format_spec]
        self._push(*items, ") ")

    def _joined(self, node: ast.JoinedStr) -> None:
        parts = merged_parts(node)
        self._push(f"(JoinedStr [{len(parts)} ", *parts, ") ")

    # --- functions -------------------------------------------------------------------------------------------

    def _function(self, node: Function) -> None:
        self.scope.bind(node.name)
        frame = Frame(node, self._inner_qualname(node.name))
        around = self.scope
        counts = any(not is_transparent(decorator) for decorator in node.decorator_list)
        items: list[Any] = []
        for decorator in node.decorator_list:
            items.extend(self._part(decorator, (Walker._keep_decorator, frame, decorator)))
        signature = list(annotated_parts(node))
        if signature:
            scope = self._new_scope(ScopeKind.OPEN, around, passes_on=counts)
            items += [(Walker._open_frame, Frame(None, "")), (Walker._enter, scope), *signature]
            items += [(Walker._keep_signature, frame, scope, counts), (Walker._enter, around)]
        name = f"(Function {'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}{node.name} "
        items += self._function_body(frame, node.args, name, effective(node.body))
        items += [(Walker._finish, SymbolKind.FUNCTION), (Walker._enter, around)]
        self._push(*items)

    def _lambda(self, node: ast.Lambda) -> None:
        frame = Frame(node, self._inner_qualname("<lambda>"))
        around = self.scope
        items = self._function_body(frame, node.args, "(Lambda ", [node.body])
        self._push(*items, (Walker._finish, SymbolKind.LAMBDA), (Walker._enter, around))

    def _function_body(self, frame: Frame, args: ast.arguments, start: str, body: list[Any]) -> list[Any]:
        around = self.scope
        defaults = self._new_scope(ScopeKind.OPEN, around)
        inside = self._new_scope(ScopeKind.FUNCTION, around)
        frame.scopes += [defaults, inside]
        inside.bound.update(parameter_names(args))
        given: list[Any] = [f"defaults[{len(args.defaults)} ", *args.defaults]
        given += [f"kw_defaults[{len(args.kw_defaults)} ", *["~ " if d is None else d for d in args.kw_defaults]]
        return [
            (Walker._open_frame, frame), f"{start}{parameter_tokens(args)}", (Walker._enter, defaults), *given,
            (Walker._enter, inside), f"body[{len(body)} ", *body, ") ",
        ]  # fmt: skip

    def _part(self, node: ast.expr, keep: tuple[Any, ...]) -> list[Any]:
        """Write an expression into a buffer of its own, and hand the digest to `keep`."""
        around = self.scope
        scope = self._new_scope(ScopeKind.OPEN, around)
        return [
            (Walker._open_frame, Frame(None, "")), (Walker._enter, scope), node,
            (*keep, scope), (Walker._enter, around),
        ]  # fmt: skip

    def _keep_decorator(self, frame: Frame, decorator: ast.expr, scope: Scope) -> None:
        _, hexdigest = self._close_frame()
        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
        frame.decorators.append((dotted_name(callee), hexdigest, scope))
        self.out.append(f"@{hexdigest} ")

    def _keep_signature(self, frame: Frame, scope: Scope, counts: bool) -> None:
        _, hexdigest = self._close_frame()
        frame.signature = (hexdigest, scope, counts)
        if counts:
            self.out.append(f"S{hexdigest} ")

    def _finish(self, kind: SymbolKind) -> None:
        frame, hexdigest = self._close_frame()
        self.out.append(f"D{hexdigest} ")
        self.finished.append(Finished(frame, kind, hexdigest, self.owner or frame.qualname.partition(".")[0]))

    def _class(self, node: ast.ClassDef) -> None:
        """Methods are written after the other statements, sorted by name: their order does not count."""
        self.scope.bind(node.name)
        frame = Frame(node, self._inner_qualname(node.name))
        around = self.scope
        items: list[Any] = []
        for decorator in node.decorator_list:
            items.extend(self._part(decorator, (Walker._keep_decorator, frame, decorator)))
        heading = self._new_scope(ScopeKind.OPEN, around)
        inside = self._new_scope(ScopeKind.CLASS, around)
        frame.scopes += [heading, inside]
        inside.bound.update({"__module__", "__qualname__", "__class__"})
        body = effective(node.body)
        methods = sorted((s for s in body if isinstance(s, Function)), key=lambda method: method.name)
        inside.bound.update(method.name for method in methods)
        others = [statement for statement in body if not isinstance(statement, Function)]
        type_params = getattr(node, "type_params", [])
        items += [
            (Walker._open_frame, frame), (Walker._enter, heading), f"(Class {node.name} bases[{len(node.bases)} ",
            *node.bases, f"keywords[{len(node.keywords)} ", *node.keywords, *type_params, (Walker._enter, inside),
            f"body[{len(others)} ", *others, f"methods[{len(methods)} ", *methods, ") ",
            (Walker._finish, SymbolKind.CLASS), (Walker._enter, around),
        ]  # fmt: skip
        self._push(*items)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        """The first iterable belongs to the scope around, everything else to a scope of its own."""
        around = self.scope
        inside = self._new_scope(ScopeKind.FUNCTION, around)
        inside.is_comprehension = True
        first, *rest = node.generators
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        items: list[Any] = [f"({node.__class__.__name__} {len(node.generators)} ", first.iter, (Walker._enter, inside)]
        items += [f"for{first.is_async} ", first.target, f"ifs[{len(first.ifs)} ", *first.ifs]
        for generator in rest:
            items += [f"for{generator.is_async} ", generator.iter, generator.target]
            items += [f"ifs[{len(generator.ifs)} ", *generator.ifs]
        self._push(*items, *results, ") ", (Walker._enter, around))

    # --- the module ------------------------------------------------------------------------------------------

    def module(self, tree: ast.Module) -> None:
        """Write every statement of a module."""
        for statement in effective(tree.body):
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Write one module-level statement; anything but a definition becomes a symbol of its own."""
        scope = self._new_scope(ScopeKind.OPEN, None)
        frame = Frame(node, "")
        frame.scopes.append(scope)
        self.scope = scope
        self._open_frame(frame)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.owner = node.name
            self.run(node)
            self._close_frame()
            return
        changed = changed_name(node)
        self.owner = ""
        if changed is not None or isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            self.owner = next(iter(assigned_names(node)), changed or "<lambda>")
        self.run(node)
        frame, hexdigest = self._close_frame()
        if changed is not None:
            scope.bound.add(changed)
        self.finished.append(Finished(frame, SymbolKind.STATEMENT, hexdigest, ""))


_VISITORS: dict[type, Callable[[Walker, Any], None]] = {
    ast.Name: Walker._name,
    ast.Attribute: Walker._attribute,
    ast.Constant: Walker._constant,
    ast.Global: Walker._global,
    ast.Nonlocal: Walker._nonlocal,
    ast.Import: Walker._import,
    ast.ImportFrom: Walker._import_from,
    ast.ExceptHandler: Walker._bound_field,
    ast.MatchAs: Walker._bound_field,
    ast.MatchStar: Walker._bound_field,
    ast.MatchMapping: Walker._match_mapping,
    ast.NamedExpr: Walker._walrus,
    ast.AugAssign: Walker._augmented,
    ast.AnnAssign: Walker._annotated,
    ast.Call: Walker._call,
    ast.Subscript: Walker._subscript,
    ast.Compare: Walker._compare,
    ast.FormattedValue: Walker._formatted,
    ast.JoinedStr: Walker._joined,
    ast.FunctionDef: Walker._function,
    ast.AsyncFunctionDef: Walker._function,
    ast.Lambda: Walker._lambda,
    ast.ClassDef: Walker._class,
    ast.ListComp: Walker._comprehension,
    ast.SetComp: Walker._comprehension,
    ast.GeneratorExp: Walker._comprehension,
    ast.DictComp: Walker._comprehension,
}
