"""The status of every leaf, folded from the entries by somebody else's hand, and held to every epoch of the status log.

    status_fold.py URL|FOLDER

Reads what the log serves by C2SP tlog-tiles: both checkpoints and both logs' entry bundles. Prints one JSON object; exit 1
where an epoch does not follow from the entries. Nothing but the standard library. Signatures are not checked here: the
standard library has none; that the roots are the log's is for others to show.
"""

import base64
import hashlib
import json
import pathlib
import re
import sys
import urllib.request
from datetime import datetime, timezone

STATES = ["active", "suspended", "withdrawn", "superseded"]
GOODS_RULES = ["no-goods", "goods-before-stay"]
VENDOR = "application/vnd.touchstone."


# RFC 8949: what entries and records are made of.

def cbor(data, at=0):
    head = data[at]
    kind, short, at = head >> 5, head & 31, at + 1
    if kind == 7:
        return {20: False, 21: True, 22: None}[short], at
    if short >= 24:
        width = 1 << (short - 24)
        short, at = int.from_bytes(data[at:at + width], "big"), at + width
    if kind == 0:
        return short, at
    if kind == 1:
        return -1 - short, at
    if kind == 2:
        return data[at:at + short], at + short
    if kind == 3:
        return data[at:at + short].decode(), at + short
    if kind == 4:
        items = []
        for _ in range(short):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    if kind == 5:
        pairs = {}
        for _ in range(short):
            key, at = cbor(data, at)
            pairs[key], at = cbor(data, at)
        return pairs, at
    return cbor(data, at)  # a tag: what it is on


def head(kind, number):
    if number < 24:
        return bytes([kind << 5 | number])
    width = next(w for w in (1, 2, 4, 8) if number < 1 << 8 * w)
    return bytes([kind << 5 | 24 + width.bit_length() - 1]) + number.to_bytes(width, "big")


def encoded(value):
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(4, len(value)) + b"".join(map(encoded, value))


# RFC 9162, 2.1.1.

def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def root(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(hashes[:split]) + root(hashes[split:])).digest()


# C2SP tlog-tiles.

def fetch(place, path):
    if place.startswith("http://"):
        with urllib.request.urlopen(f"{place.rstrip('/')}/{path}") as answer:
            return answer.read()
    return (pathlib.Path(place) / path).read_bytes()


def entries(place, prefix, size):
    for index in range(-(-size // 256)):
        digits = f"{index:03d}" if index < 1000 else None
        if digits is None:
            groups = re.findall("...", f"{index:0{-(-len(str(index)) // 3) * 3}d}")
            digits = "/".join(f"x{group}" for group in groups[:-1]) + "/" + groups[-1]
        width = min(256, size - 256 * index)
        bundle = fetch(place, f"{prefix}tile/entries/{digits}" + (f".p/{width}" if width < 256 else ""))
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            yield bundle[2:2 + length]
            bundle = bundle[2 + length:]


def size_of(note):
    return int(note.split(b"\n")[1])


# RFC 5280, 4.1: the key in a certificate; RFC 7638: its thumbprint.

def der(data, at=0):
    length, at = data[at + 1], at + 2
    if length & 0x80:
        width = length & 0x7f
        length, at = int.from_bytes(data[at:at + width], "big"), at + width
    return at, at + length


def parts(data):
    """The elements inside a constructed one, each whole."""
    at, end = der(data)
    found = []
    while at < end:
        _, after = der(data, at)
        found.append(data[at:after])
        at = after
    return found


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(certificate):
    fields = parts(parts(certificate)[0])
    spki = fields[6 if fields[0][0] == 0xa0 else 5]
    algorithm, bits = parts(spki)
    key = bits[der(bits)[0] + 1:]
    oids = algorithm.hex()
    if "2a8648ce3d030107" in oids or "2b81040022" in oids:
        curve = "P-256" if len(key) == 65 else "P-384"
        half = len(key) // 2
        jwk = {"crv": curve, "kty": "EC", "x": b64(key[1:1 + half]), "y": b64(key[1 + half:])}
    elif "2b6570" in oids:
        jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64(key)}
    else:
        n, e = (part[der(part)[0]:].lstrip(b"\0") for part in parts(key))
        jwk = {"e": b64(e), "kty": "RSA", "n": b64(n)}
    return hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()


def seconds(text):
    """Whole seconds of RFC 3339 in UTC."""
    return int(datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp())


class Fold:
    """Status records by leaf, from the entries in order."""

    def __init__(self):
        self.size = 0
        self.subjects = {}     # subject -> leaf
        self.steps = {}        # leaf -> transitions
        self.revocations = {}  # leaf -> revocations
        self.certificates = {} # SHA-256 of a certificate -> thumbprint of its key
        self.vouching = {}     # (body, key) -> leaves of accreditations
        self.returns = {}      # (body, key) -> [(leaf, event)]
        self.revoked = {}      # (body, key) -> [(cut-off, leaf)]
        self.hashes = []       # of the records

    def take(self, entry):
        leaf, self.size = self.size, self.size + 1
        protected, _, payload, _ = cbor(entry)[0]
        header = cbor(protected)[0]
        said, issuer, subject = json.loads(payload), header[15][1], header[15][2]
        kind = header[3].removeprefix(VENDOR).removesuffix("+json")
        changed = {leaf}
        if kind == "status-event":
            target = self.subjects.get(said["subject"])
            if target is not None:
                step = [STATES.index(said["state"]), seconds(said["effective"]),
                        GOODS_RULES.index(said["goodsRule"]), leaf, said["reason"]]
                self.steps.setdefault(target, []).append(step)
                key = (issuer, self.certificates.get(header[34][1] if 34 in header else None))
                if said["state"] == "active" and key in self.vouching:
                    self.returns.setdefault(key, []).append((target, leaf))
                changed.add(target)
        elif kind == "key-revocation":
            digest = said["key"].rsplit(":", 1)[1]
            key = (said["body"], base64.urlsafe_b64decode(digest + "="))
            if key in self.vouching:
                cut_off = seconds(said["cutOff"])
                self.revoked.setdefault(key, []).append((cut_off, leaf))
                concerned = {target: [] for target in self.vouching[key]}
                for target, event in self.returns.get(key, []):
                    concerned.setdefault(target, []).append(event)
                for target, events in concerned.items():
                    self.revocations.setdefault(target, []).append([key[1], cut_off, leaf, events])
                changed.update(concerned)
        elif kind == "accreditation":
            self.subjects[said["id"]] = leaf
            body = said["credentialSubject"]
            found = []
            for text in body["signingCertificates"]:
                certificate = base64.b64decode(text)
                key = (body["id"], thumbprint(certificate))
                self.certificates[hashlib.sha256(certificate).digest()] = key[1]
                leaves = self.vouching.setdefault(key, [])
                if leaf not in leaves:
                    leaves.append(leaf)
                    found += [[key[1], cut_off, at, []] for cut_off, at in self.revoked.get(key, [])]
            if found:
                self.revocations[leaf] = sorted(found, key=lambda item: item[2])
        elif kind == "application/vc":
            self.subjects[subject] = leaf
        elif kind not in ("log-identity", "registration-policy", "log-rollover"):
            self.subjects[said["id"]] = leaf
        for target in changed:
            record = [target, self.steps.get(target, [])]
            if target in self.revocations:
                record.append(self.revocations[target])
            hashed = leaf_hash(encoded(record))
            if target < len(self.hashes):
                self.hashes[target] = hashed
            else:
                self.hashes.append(hashed)


def main(place):
    # The status log first: what its latest epoch covers is then in the other.
    epochs = [cbor(e)[0] for e in entries(place, "status/", size_of(fetch(place, "status/checkpoint")))]
    logged = list(entries(place, "", size_of(fetch(place, "checkpoint"))))
    fold, leaves, wrong = Fold(), [], []
    for number, epoch in enumerate(epochs):
        told, _, _, size, log_root, map_root = epoch
        while fold.size < size:
            leaves.append(leaf_hash(logged[fold.size]))
            fold.take(logged[fold.size])
        if told != number or root(leaves) != log_root:
            wrong.append({"epoch": number, "what": "the root of the log"})
        if root(fold.hashes) != map_root:
            wrong.append({"epoch": number, "what": "the root of the status map"})
    print(json.dumps({
        "entries": fold.size,
        "epochs": len(epochs),
        "changed": len(fold.steps.keys() | fold.revocations.keys()),
        "revocations": sum(map(len, fold.revoked.values())),
        "map_root": root(fold.hashes).hex(),
        "wrong": wrong,
    }))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
