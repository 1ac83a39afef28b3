"""Small files of questions in each format, written for the tests."""

import json
import os
from pathlib import Path

import pytest

#: Read here, because no test of this folder sees the user's environment.
_DATA = os.environ.get("PRIVKIT_DATA")


def real(name: str) -> Path:
    """A folder below PRIVKIT_DATA; skips the test where it is not there."""
    if not _DATA or not (Path(_DATA) / name).is_dir():
        pytest.skip(f"PRIVKIT_DATA does not hold {name}/")
    return Path(_DATA) / name


CHOICE_HEADER = "gif_name\tquestion\ta1\ta2\ta3\ta4\ta5\tanswer\tvid_id\tkey"
FRAMEQA_HEADER = "gif_name\tquestion\tanswer\ttype\tvid_id\tkey\tdescription"


def choice(name="gif1", answer=2, vid="ACTION1", question="What does the cat do 3 times ?"):
    return f'{name}\t{question}\tsit\t"run\tjump\tlook up\tspin\t{answer}\t{vid}\t5'


def frameqa(name="gif1", kind=0, vid="FRAMEQA1", answer="cat"):
    return f"{name}\twhat is running ?\t{answer}\t{kind}\t{vid}\t7\ta cat is running ."


def write(folder: Path, name: str, content) -> Path:
    """Write bytes, lines (with CRLF, as TGIF-QA's) or anything else as JSON."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_bytes(content.encode())
    else:
        path.write_bytes(json.dumps(content).encode())
    return path


def tgif(folder, rows, task="action", word="Train", header=None):
    columns = header or (FRAMEQA_HEADER if task == "frameqa" else CHOICE_HEADER)
    return write(folder, f"{word}_{task}_question.csv", "\r\n".join((columns, *rows)) + "\r\n")


def jsonl(folder, name, records):
    return write(folder, name, "".join(json.dumps(r) + "\n" for r in records))


def xu(number=0, video=1, question="who is running?", answer="man", **more):
    return {"answer": answer, "id": number, "question": question, "video_id": video, **more}


def own(number=0, **changed):
    record = {
        "question_id": f"q{number}",
        "video": f"v{number}",
        "task": "yesno",
        "split": "train",
        "question": "is it red ?",
        "answer": "yes",
        "options": [],
        "correct": None,
        "answer_type": "yesno",
    }
    return record | changed
