"""The global names of a module, by Python's own compiler."""

import builtins
import symtable
from collections.abc import Iterator

GIVEN_NAMES = frozenset({*dir(builtins), "__file__", "exit", "quit", "help"})
"""Names that every module has."""


def read_names(text: str) -> set[str]:
    """Global names that a module's text reads, in any scope."""
    return {
        symbol.get_name()
        for table in _tables(symtable.symtable(text, "names", "exec"))
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module")
    }


def bound_names(text: str) -> set[str]:
    """Global names that a module's text binds, by assignment, definition or import."""
    return {
        symbol.get_name()
        for table in _tables(symtable.symtable(text, "names", "exec"))
        for symbol in table.get_symbols()
        if (symbol.is_assigned() or symbol.is_imported())
        and (table.get_type() == "module" or symbol.is_declared_global())
    }


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)
