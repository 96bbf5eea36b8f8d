#!/usr/bin/env python3
"""A second reading of docs/ledger-format.md, in Python: hashes, payloads and Merkle roots of a copy.

    python3 verify.py COPY.ndjson        prints "N entries: whole", or what does not fit and exits with 1

Signatures need a library that Python does not bring; `openssl pkeyutl -verify` checks them one by one.
"""
import hashlib
import json
import sys


def h(alg, text):
    return hashlib.new(alg, text.encode("utf-8", "surrogatepass")).hexdigest()


def spell(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def root(alg, hashes):
    row = [h(alg, "leaf:" + x) for x in hashes]
    while len(row) > 1:
        row = [h(alg, f"node:{row[i]}:{row[i + 1]}") if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
    return row[0]


def main(path):
    unsigned, entries, ended = [], 0, False
    digest = hashlib.sha256()
    n = 0
    with open(path, encoding="utf-8", newline="\n") as lines:
        for n, line in enumerate(lines, 1):
            it = json.loads(line)
            assert line == spell(it) + "\n", f"line {n}: not spelled as it was written"
            assert it["n"] == n, f"line {n}: a line was removed, doubled or moved"
            if "header" in it:
                assert h("sha256", spell(it["header"])) == it["check"], f"line {n}: header"
                previous, expected = it["header"]["previous"], it["header"]["from"]
            elif "entry" in it:
                e, payload = it["entry"], it["payload"]
                chained = [previous, e["seq"], e["at"], e["kind"], e["ref"], e["by"], e["payloadHash"]]
                assert e["seq"] == expected and h(e["alg"], spell(chained)) == e["hash"], f"line {n}: entry"
                assert payload is None or h(e["alg"], f"{payload['salt']}\n{payload['body']}") == e["payloadHash"], f"line {n}: payload"
                previous, expected, entries = e["hash"], expected + 1, entries + 1
                unsigned.append(e["hash"])
            elif "checkpoint" in it:
                c = it["checkpoint"]
                assert c["head"] == previous and root(c["hash"], unsigned) == c["root"], f"line {n}: checkpoint"
                unsigned = []
            else:
                assert it["end"]["digest"] == digest.hexdigest() and it["end"]["entries"] == entries, f"line {n}: end"
                ended = True
            digest.update(line.encode())
    assert ended, "the end is missing"
    return entries


if __name__ == "__main__":
    try:
        print(f"{main(sys.argv[1])} entries: whole")
    except (AssertionError, KeyError, ValueError) as error:
        print(f"does not fit: {error}")
        sys.exit(1)
