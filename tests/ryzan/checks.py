"""What the tests of all clients share."""

import sys

SCHEMA = {
    "type": "object",
    "properties": {"full": {"type": "boolean"}, "pool": {"enum": ["tank", "fast"]}},
    "required": ["full", "pool"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "space", "description": "Space of a pool", "parameters": SCHEMA}}]
HELLO = [{"role": "user", "content": "Hello"}]


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, expected {wanted!r}")


def holds(what, condition, found):
    if not condition:
        sys.exit(f"{what}: found {found!r}")


def refused(what, error, status, call):
    """The error that a call raises, of this class and with this status."""
    try:
        call()
    except error as raised:
        expect(f"{what}, status", raised.status_code, status)
        return raised
    sys.exit(f"{what}: it was not refused")


def unit(what, vector):
    length = sum(value * value for value in vector)
    holds(f"{what}: the length of a vector", abs(length - 1) < 1e-3, length)


def run(parts, *given):
    for part in parts:
        part(*given)
        print(f"{part.__name__}: as expected", flush=True)
