"""How fast the ranking app is: annotators at once over HTTP on this machine, client and server together.

    python bench/annotate.py [--people 50] [--each 40] [--kills 0] [--db postgresql://user@host/empty_database]

Prints judgments a second, and the 95th percentile of a request's time as the clients see it.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/helpers"))

from annotate_load import press, problems
from annotate_server import running


def main() -> None:
    """Press, count, verify, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--each", type=int, default=40, help="judgments of each")
    parser.add_argument("--kills", type=int, default=0, help="kill -9 and restart so often")
    parser.add_argument("--db", help="an empty database; a SQLite file in a temporary folder if not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = given.db or str(Path(folder) / "annotate.db")
        with running(where) as server:
            load = press(server, given.people, given.each, kills=given.kills)
        wrong = problems(where, load, overlap=2)
    print(
        f"{given.people} annotators, {len(load.accepted)} judgments, {load.kills} kills: "
        f"{len(load.accepted) / load.wall:.0f} judgments/s, p95 {load.p95 * 1000:.0f} ms; "
        f"{'; '.join(wrong[:3]) or 'none lost, none doubled, chain intact'}"
    )


if __name__ == "__main__":
    main()
