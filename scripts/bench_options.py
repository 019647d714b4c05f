"""Command lines and progress of scripts/bench and scripts/bench-reliability."""

from __future__ import annotations

import argparse
import sys

from bench_cases import UsageError

EXIT_FAILED, EXIT_USAGE = 1, 64


class Parser(argparse.ArgumentParser):
    """Texts of our own around the list of options; what is wrong is thrown as UsageError."""

    def __init__(self, name: str, head: str, tail: str) -> None:
        super().__init__(prog=name, formatter_class=lambda prog: argparse.HelpFormatter(
            prog, max_help_position=27, width=80))
        self.head, self.tail = head, tail

    def error(self, message: str) -> None:
        raise UsageError(message)

    def format_help(self) -> str:
        # Our own first lines instead of argparse's usage, which would fill half of the screen.
        formatter = self._get_formatter()
        for group in self._action_groups[1:]:
            formatter.start_section(group.title)
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        return f"{self.head}\n{formatter.format_help()}\n{self.tail}"


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"not a positive number: {text}")
    return int(text)


def whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"not a number of bytes: {text}")
    return int(text)


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="" if text else "\r", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
