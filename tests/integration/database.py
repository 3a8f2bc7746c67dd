# SPDX-License-Identifier: Apache-2.0
"""A look at a box's database, as the user whose it is: files that another user
leaves beside it would lock its owner out."""
import json
import subprocess
import sys

from harness import OTHER_UID

QUERY = """
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=20)
print(json.dumps(db.execute(sys.argv[2], sys.argv[3:]).fetchall()))
"""


def database(box):
    return box.path("home", "state", "creel", "creel.db")


def query(box, sql, *args):
    """Rows; where it cannot be opened, one with the reason."""
    more = {}
    if box.drop:
        more = {"user": OTHER_UID, "group": OTHER_UID, "extra_groups": []}
    # The one in PATH may be closed to others.
    python = "/usr/bin/python3" if box.drop else sys.executable
    result = subprocess.run(
        [python, "-c", QUERY, database(box), sql, *args], cwd="/", timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)
    if result.returncode:
        return [[result.stderr.decode()]]
    return json.loads(result.stdout)
