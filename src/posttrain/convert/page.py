"""The tables of the pages about other tools, generated from the tables that convert their configurations."""

from collections.abc import Iterator

from posttrain.convert.keys import Key, Peer


def tables_of(peer: Peer) -> str:
    """The tables of a tool's keys as Markdown."""
    lines = [
        f"<!-- `posttrain convert --table {peer.name}` prints this page from here on. -->",
        "",
        f"## The keys of {peer.title}",
        "",
        f"The keys and defaults are those of {peer.title} {peer.version}. A default of {peer.title} that differs from "
        "posttrain's is written into the recipe.",
        "",
        f"| {peer.title} | default | posttrain | meaning |",
        "|---|---|---|---|",
        *(_row(key, peer) for key in peer.keys if key.status == "translated"),
        "",
        "## Keys that a recipe does not need",
        "",
        f"| {peer.title} | reason |",
        "|---|---|",
        *(_reason(key) for key in peer.keys if key.status == "not needed"),
        "",
        "## Keys without a counterpart",
        "",
        f"| {peer.title} | what holds instead |",
        "|---|---|",
        *(_reason(key) for key in peer.keys if key.status == "not supported"),
    ]
    return "\n".join(lines) + "\n"


def _row(key: Key, peer: Peer) -> str:
    kinds = f" ({', '.join(sorted(key.kinds))})" if key.kinds else ""
    defaults = "; ".join(dict.fromkeys(_defaults(key, peer)))
    ours = (f"`{key.ours}`" if key.ours else "none") + kinds
    return _cells(_names(key), defaults, ours, key.meaning)


def _defaults(key: Key, peer: Peer) -> Iterator[str]:
    """The defaults of the first key: one value, or one for each kind of stage where they differ."""
    name = key.theirs[0]
    own = {
        kind: values[name]
        for kind, values in peer.defaults.items()
        if kind != "all" and values.get(name) is not None and key.applies(kind)
    }
    common = peer.defaults["all"].get(name)
    different = common is not None or len({str(value) for value in own.values()}) > 1
    if common is not None:
        yield f"`{_plain(common)}`"
    yield from (f"{kind}: `{_plain(value)}`" if different else f"`{_plain(value)}`" for kind, value in own.items())


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(key: Key) -> str:
    return _cells(_names(key), key.meaning)


def _names(key: Key) -> str:
    return ", ".join(f"`{name}`" for name in key.theirs)


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
