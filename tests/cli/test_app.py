"""The command line as a whole: exit codes, one line for each failure, and what goes where."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import privkit
from privkit.cli import main
from privkit.cli.app import app, run
from privkit.errors import InputError

HEAVY = ("torch", "sklearn", "matplotlib", "pandas", "scipy", "pyarrow", "numpy")
VIDEOQA = ["check", "generate", "supervision", "sweep", "train", "evaluate", "encode"]
VIDEOQA += ["transfer", "maps", "words", "tiny"]
COMMANDS = [
    "invert",
    "audit",
    "verify",
    "compare",
    "kanon",
    "capacity",
    "data",
    "data fetch",
    "data list",
    "data generate",
]
COMMANDS += ["videoqa", *(f"videoqa {name}" for name in VIDEOQA)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Continuous integration may ask for colours; what is tested is the program's own choice.
    for name in ("GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run privkit as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "privkit", *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


# Help


@pytest.mark.parametrize("argument", ["--help", "-h", "--version"])
def test_answers_without_the_heavy_libraries(argument: str) -> None:
    program = (
        "import sys; from privkit.cli.app import run\n"
        f"code = run([{argument!r}])\n"
        f"print('LOADED', code, [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "LOADED 0 []" in done.stdout, done.stdout + done.stderr


def test_importing_the_package_imports_no_command_line() -> None:
    program = "import sys, privkit; print([m for m in sys.modules if m in ('typer', 'rich')])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"privkit {privkit.__version__}\n"


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name.split()[-1] in text for name in COMMANDS if " " not in name)
    assert "Exit codes: 0 done, 1 a gate that you set failed, 2 bad input or usage" in text


def test_no_command_is_missing_here() -> None:
    names = [command.name for command in app.registered_commands]
    names += [group.name for group in app.registered_groups]
    assert set(names) <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    out, err = capsys.readouterr()
    assert f"Usage: privkit {command}" in out
    assert err == ""
    if command in ("invert", "kanon", "capacity"):
        for option in ("--out", "--json", "--quiet"):
            assert option in out


@pytest.mark.parametrize("arguments", [[], ["data"]])
def test_without_a_command_the_help_is_shown(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert "Usage: privkit" in out + err
    assert "error" not in out + err


# Failures


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "nosuch"),
        (["--nosuch"], "--nosuch"),
        (["data", "nosuch"], "nosuch"),
        (["capacity", "--nosuch"], "--nosuch"),
        (["capacity", "extra"], "extra"),
        (["capacity", "--bits"], "--bits"),
        (["capacity", "--bits", "ten"], "valid integer"),
        (["capacity", "--json=1"], "--json"),
        (["invert", "--seed", "-1"], "--seed"),
        (["kanon"], "--codes"),
        (["data", "fetch", "nosuch"], "att"),
        (["data", "generate"], "OUT"),
    ],
)
def test_bad_usage_is_one_line(
    here: Path,
    arguments: list[str],
    words: str,
    one_line: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert words in one_line(*arguments)
    assert run(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(here.iterdir()) == []


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make `privkit capacity` raise an error."""

    def fail(error: BaseException) -> None:
        def raise_it(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr("privkit.capacity.report.capacity_result", raise_it)

    return fail


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            InputError("it is bad", where="x\ny", rule="good", found=0, remedy="mend it"),
            "x y: it is bad; rule: good; found: 0; remedy: mend it",
        ),
        (PermissionError(13, "no", "a.npy"), "a.npy: Permission denied; remedy: name a place"),
        (OSError("odd"), "odd; remedy: check the path and the disk"),
        (MemoryError("Unable to allocate 9 GiB"), "not enough memory: Unable to allocate 9 GiB"),
        (MemoryError(), "not enough memory: an allocation failed; use a smaller input"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    failing: Callable[..., None], error: Exception, line: str, one_line: Callable[..., str]
) -> None:
    failing(error)
    assert one_line("capacity").startswith(f"privkit: error: {line}")


@pytest.mark.parametrize("error", [ZeroDivisionError("bug"), KeyError("bug"), TypeError("bug")])
def test_a_bug_shows_its_traceback_and_is_no_failed_gate(
    failing: Callable[..., None], error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(error)
    assert run(["capacity"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_one_line(
    here: Path, failing: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(KeyboardInterrupt())
    assert run(["capacity"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("privkit: interrupted; no run was written")
    assert err.count("\n") == 1
    assert list(here.iterdir()) == []


def test_a_real_interrupt_of_a_process(here: Path) -> None:
    fifo = here / "codes.csv"
    os.mkfifo(fifo)  # opening it to read waits for a writer, so the command is at work for sure
    process = subprocess.Popen(
        [sys.executable, "-m", "privkit", "capacity", "--items", str(fifo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    writer = os.open(fifo, os.O_WRONLY)
    time.sleep(0.2)  # let it go from opening to reading
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    os.close(writer)
    assert (process.returncode, out) == (130, b"")
    assert err.startswith(b"privkit: interrupted")
    assert err.count(b"\n") == 1


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["nosuch"], 2)])
def test_main_exits_with_the_code(arguments: list[str], code: int) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == code


# Output


def test_json_is_alone_on_standard_output(here: Path) -> None:
    done = started("capacity", "--bits", "10", "--json", "--out", "run")
    assert done.returncode == 0
    assert done.stdout == (here / "run/result.json").read_bytes()
    assert json.loads(done.stdout)["command"] == "privkit capacity --bits 10"
    assert done.stderr == b"run: run\n"
    quiet = started("capacity", "--bits", "10", "--json", "--quiet", "--out=other")
    assert (quiet.stdout, quiet.stderr) == (done.stdout, b"")


def test_quiet_prints_the_folder_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for n in (1, 2):
        assert run(["capacity", "-q"]) == 0
        assert capsys.readouterr() == (f"reports/capacity-run-00{n}\n", "")


@pytest.mark.parametrize("arguments", [["capacity", "--quiet"], ["capacity"], ["--help"], ["x"]])
def test_piped_output_has_no_escape_codes(arguments: list[str]) -> None:
    done = started(*arguments, TERM="xterm-256color")
    assert done.stdout + done.stderr
    assert b"\x1b" not in done.stdout + done.stderr


def test_piped_lines_are_not_wrapped(here: Path) -> None:
    name = "a name of an item as long as a sentence, " * 12
    (here / "own.csv").write_text(f'item,values,source\n"{name}",2^9,"{"source " * 50}"\n')
    bits = [part for b in range(1, 30) for part in ("--bits", str(b))]
    lines = started("capacity", "--items", "own.csv", *bits, COLUMNS="40").stdout.decode()
    rows = [line for line in lines.splitlines() if re.match(rf" *{name.strip()} ", line)]
    assert len(rows) == 1
    assert rows[0].split("  ")[-1].strip().startswith("source source")
    assert rows[0].count("impossible") == 8
    assert rows[0].count(" possible") == 21


def test_the_words_of_a_table_s_note_stay_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from privkit.capacity.tables import BOUND

    assert run(["capacity", "--bits", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert BOUND in lines  # the note below the table
    assert f"• {BOUND}" in lines


def test_markup_in_names_is_shown_as_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own.csv").write_text("item,values,source\n[bold]x[/bold],2,:smile: [/]\n")
    assert run(["capacity", "--items", "own.csv"]) == 0
    out = capsys.readouterr().out
    assert "[bold]x[/bold]" in out
    assert ":smile: [/]" in out


def test_a_reader_that_leaves_early_is_no_failed_gate(here: Path) -> None:
    for option in ("--json", "--bits=10"):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [sys.executable, "-m", "privkit", "capacity", option, "--out", f"run{option}"],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(write)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        assert b"BrokenPipe" not in done.stderr
        assert (here / f"run{option}" / "result.json").is_file()


def test_a_terminal_without_the_characters_shows_escapes(here: Path) -> None:
    shown = started("capacity", "--bits", "9", "--out", "a", PYTHONIOENCODING="ascii")
    assert shown.returncode == 0
    assert rb"\u2022 This bounds" in shown.stdout
    as_json = started("capacity", "--bits", "9", "--json", "--out", "b", PYTHONIOENCODING="ascii")
    assert as_json.stdout == (here / "b/result.json").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux alone")
def test_a_file_name_that_is_not_unicode(here: Path) -> None:
    (here / os.fsdecode(b"\xff.csv")).write_text("item,values,source\na,2,b\n")
    done = started("capacity", "--items", os.fsdecode(b"\xff.csv"), "--json", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["configuration"]["items"] == r"\udcff.csv"
    assert r"\udcff.csv" in (here / "run/report.html").read_text(encoding="utf-8")


# Completion


def test_completion_is_shown() -> None:
    # The shell is told from the parent process; `:` keeps bash from replacing itself.
    command = f"{sys.executable} -m privkit --show-completion; code=$?; :; exit $code"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 0, done.stderr
    assert "_PRIVKIT_COMPLETE=complete_bash" in done.stdout


def test_completion_completes() -> None:
    done = started(_PRIVKIT_COMPLETE="complete_bash", COMP_WORDS="privkit kan", COMP_CWORD="1")
    assert done.stdout.decode().split() == ["kanon"]
