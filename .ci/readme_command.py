"""Print the README's command of a name: the fenced line after ``<!-- command: NAME -->``."""

import re
import sys
from pathlib import Path

text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
match = re.search(
    rf"<!-- command: {re.escape(sys.argv[1])} -->\s*```(?:sh|bash)?\n(.+?)\n```", text
)
if match is None:
    sys.exit(f"README.md has no command named {sys.argv[1]!r}")
print(match[1])
