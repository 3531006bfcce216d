"""The speed of the ranking app with concurrent annotators over HTTP; clients and server share this machine.

    python bench/annotate.py [--people 50] [--each 40] [--kills 0] [--db postgresql://user@host/empty_database]

It prints judgments per second and the 95th percentile of the request time that clients measure.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/helpers"))

from annotate_load import database_errors, run_load
from annotate_server import running


def main() -> None:
    """Run the load, verify the database and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--each", type=int, default=40, help="judgments of each annotator")
    parser.add_argument("--kills", type=int, default=0, help="number of kills (kill -9) and restarts")
    parser.add_argument("--db", help="an empty database; a SQLite file in a temporary folder if not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = given.db or str(Path(folder) / "annotate.db")
        with running(where) as server:
            load = run_load(server, given.people, given.each, kills=given.kills)
        wrong = database_errors(where, load, overlap=2)
    print(
        f"{given.people} annotators, {len(load.accepted)} judgments, {load.kills} kills: "
        f"{len(load.accepted) / load.wall:.0f} judgments/s, p95 {load.p95 * 1000:.0f} ms; "
        f"{'; '.join(wrong[:3]) or 'none lost, none doubled, chain intact'}"
    )


if __name__ == "__main__":
    main()
