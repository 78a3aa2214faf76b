"""Damages the files of a stopped SecantusDB, as storage would: below the server, so that it knows of nothing.

The names of its tables are private to the one version that requirements.txt pins.
"""

import sys

import wiredtiger

home, damage = sys.argv[1:]
connection = wiredtiger.wiredtiger_open(home)
session = connection.open_session()


def first(table, wanted):
    """A cursor on the first row that is wanted."""
    cursor = session.open_cursor(f"table:{table}")
    for row in cursor:
        if wanted(row):
            return cursor
    raise SystemExit(f"no such row in {table}")


if damage == "index-entry-lost":
    first("secantus_index_entries", lambda row: row[:3] == ["shop", "orders", "email_1"]).remove()
elif damage == "document-lost":
    first("secantus_documents_sh10", lambda row: row[:2] == ["shop", "orders"]).remove()
elif damage == "document-broken":
    cursor = first("secantus_documents_sh10", lambda row: row[:2] == ["shop", "orders"])
    key, value = cursor.get_key(), cursor.get_value()
    # The length of the text `a0@example.com`: it now reaches beyond the document.
    at = value.index(b"a0@example.com") - 4
    cursor.set_key(*key)
    cursor.set_value(value[:at] + b"\xff" + value[at + 1 :])
    cursor.update()
else:
    raise SystemExit(f"unknown damage {damage}")
connection.close()
