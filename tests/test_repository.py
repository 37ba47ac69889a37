"""Rules of the repository: sizes, layers, and that what the README says to run exists."""

import ast
import importlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 400


def tracked(*patterns: str) -> list[Path]:
    """Files of the working tree that git knows or would take in."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def imported(path: Path) -> set[str]:
    """Top-level names of the modules a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def test_no_python_file_has_outgrown_its_room():
    lengths = {path: len(path.read_text().splitlines()) for path in tracked("*.py")}
    assert lengths, "git lists no Python file"
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("ros2_ws/src/inspire_policy/inspire_policy", "torch"),
        ("ros2_ws/src/inspire_arm/inspire_arm", "torch"),
        ("ros2_ws/src/inspire_camera/inspire_camera", "torch"),
        ("ros2_ws/src/inspire_bringup/inspire_bringup", "torch"),
        ("training", "rclpy"),
    ],
)
def test_layers_do_not_leak(folder, forbidden):
    files = tracked(f"{folder}/*.py")
    if not files:
        pytest.skip(f"{folder} does not exist yet")
    assert [str(path.relative_to(ROOT)) for path in files if forbidden in imported(path)] == []


def test_no_absolute_home_of_anyone_stands_in_the_repository():
    pattern = re.compile(r"/(?:home|Users)/[a-z]\w+/|/root/")
    guilty = [
        str(path.relative_to(ROOT))
        for path in tracked("*.py", "*.sh", "*.md", "*.xml", "*.toml", "*.yaml", "Makefile")
        if path != Path(__file__) and pattern.search(path.read_text())
    ]
    assert guilty == []


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def documented_commands() -> list[tuple[str, str]]:
    """(document, command) for every command in a fenced bash block, continuation lines joined, comments left out."""
    commands = []
    for document in ("README.md", *(str(path.relative_to(ROOT)) for path in tracked("docs/*.md"))):
        path = ROOT / document
        text = path.read_text() if path.is_file() else ""
        for block in re.findall(r"^```(?:bash|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip() and not line.strip().startswith("#"):
                    commands.append((document, line.strip()))
    return commands


def simple_commands(line: str) -> list[list[str]]:
    """The words of each simple command in a line of shell, without variable assignments in front."""
    words = shlex.split(line, comments=True)
    commands: list[list[str]] = [[]]
    for word in words:
        if word in {"&&", "||", ";", "|", "&"}:
            commands.append([])
        elif commands[-1] or not re.match(r"^\w+=", word):
            commands[-1].append(word.rstrip(";") if word.endswith(";") else word)
    return [command for command in commands if command]


DEMO_VARIABLES = {"INSTRUCTION", "SEED", "MODE", "COMMANDER", "WORLD", "TASK", "BUNDLE"}
MAKE_VARIABLES = DEMO_VARIABLES | {"PYTEST_ARGS", "TORCH_INDEX", "PYTHON"}


def help_of(program: list[str]) -> str:
    """What `--help` prints; fast commands are run, so that their options are the real ones."""
    done = subprocess.run([*program, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(program)} --help ended with {done.returncode}: {done.stderr[-1000:]}"
    return done.stdout


def check_options(program: list[str], options: list[str]) -> None:
    if any(option.startswith("--") for option in options):
        text = help_of(program)
        for option in options:
            if option.startswith("--"):
                name = option.split("=")[0]
                assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text), f"{' '.join(program)} has no {name}"


SELECTORS = {"--stage", "--recipe", "--suite", "--protocol"}  # options that choose among several commands of one name
UNLISTED = {"--stage", "--recipe"}  # those that the help of what they chose does not name


def check_inspire(words: list[str]) -> None:
    subcommand = [word for word in words[:1] if not word.startswith("-")]
    chosen = []
    for i, option in enumerate(words):
        if option.partition("=")[0] in SELECTORS:
            chosen += words[i : i + (1 if "=" in option else 2)]
    options = [word for word in words[1:] if word.partition("=")[0] not in UNLISTED]
    check_options([".venv/bin/inspire", *subcommand, *chosen], options)


def check_make(words: list[str]) -> None:
    targets = [word for word in words if "=" not in word and not word.startswith("-")]
    assert set(targets) <= makefile_targets(), f"Makefile has no {set(targets) - makefile_targets()}"
    variables = {word.partition("=")[0] for word in words if "=" in word}
    assert variables <= MAKE_VARIABLES, f"Makefile does not read {variables - MAKE_VARIABLES}"
    shown = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr


OF_OTHERS = {"foxglove_bridge", "rviz2", "tf2_ros"}  # packages of ROS itself that documents start


def check_launch(words: list[str]) -> None:
    package, file, *arguments = words
    if package in OF_OTHERS:
        return
    path = ROOT / "ros2_ws/src" / package / "launch" / file
    assert path.is_file(), f"expected {path}"
    if package == "inspire_bringup":
        stack = file.partition(".")[0]
        where = "stacks" if stack == "sim" else f"{stack}_stack"
        module = importlib.import_module(f"inspire_bringup.{where}")
        names = {argument.name for argument in getattr(module, f"{stack.upper()}_ARGUMENTS")}
        given = {argument.partition(":=")[0] for argument in arguments if ":=" in argument}
        assert given <= names, f"{file} has no argument {given - names}"


def check_command(words: list[str]) -> None:
    """Run or check one documented command. One of a kind that nobody checks is an error: teach it to this function."""
    program, *rest = words
    if program == "sudo":
        check_command(rest)
    elif program == "make":
        check_make(rest)
    elif program in {".venv/bin/inspire", "inspire"}:
        check_inspire(rest)
    elif program == "torchrun" and "-m" in rest:
        module, *arguments = rest[rest.index("-m") + 1 :]
        assert module == "inspire_training", f"nothing checks the module {module}"
        check_inspire(arguments)
    elif program in {".venv/bin/python", "python", "python3"} and rest[0] == "-m":
        subcommand = [word for word in rest[2:3] if not word.startswith("-")]
        check_options([".venv/bin/python", "-m", rest[1], *subcommand], rest[2:])
    elif program in {".venv/bin/python", "python", "python3"}:
        assert (ROOT / rest[0]).is_file(), f"expected {rest[0]}"
    elif program == "ros2" and rest[0] == "launch":
        check_launch(rest[1:])
    elif program == "ros2" and rest[0] == "run" and rest[1] not in OF_OTHERS:
        setup = (ROOT / "ros2_ws/src" / rest[1] / "setup.py").read_text()
        assert f'"{rest[2]} = ' in setup, f"{rest[1]} has no executable {rest[2]}"
    elif program == "docker":
        files = [word for word in rest if word.endswith((".yaml", ".yml")) or "Dockerfile" in word]
        assert all((ROOT / name).is_file() for name in files), f"expected {files}"
        if "make" in rest:
            check_make(rest[rest.index("make") + 1 :])
    elif program in {"pip", ".venv/bin/pip"}:
        for word in rest:
            if "/" in word and not word.startswith("-"):
                assert (ROOT / word.split("[")[0]).exists(), f"expected {word}"
    elif program in {"source", "."}:
        assert rest[0].startswith(("/opt/ros/", "ros2_ws/install/")) or (ROOT / rest[0]).exists()
    elif program.startswith((".", "scripts/")):
        assert (ROOT / program).is_file(), f"expected {program}"
    elif program == "cd":
        assert (ROOT / rest[0]).is_dir() or rest[0].startswith("inspire"), f"expected the folder {rest[0]}"
    else:
        unchecked = {"git", "mkdir", "wget", "unzip", "ros2", "export", "apt-get", "pre-commit"}
        unchecked |= {"tensorboard", ".venv/bin/tensorboard"}
        assert program in unchecked, f"nothing checks the command: {program}"


@pytest.mark.parametrize(("document", "line"), documented_commands() or [("README.md", "make help")])
def test_documented_commands_exist(document, line):
    for words in simple_commands(line):
        check_command(words)


def test_paths_linked_in_documents_exist():
    broken = []
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *tracked("docs/*.md")):
        if path.is_file():
            for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text()):
                if not (path.parent / target).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


def test_make_help_lists_every_public_target():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout
    listed = set(re.findall(r"make ([a-z-]+)  +\S", shown))
    assert listed == makefile_targets()


def test_demo_passes_on_only_what_was_given():
    plain = subprocess.run(
        ["make", "-n", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
    )
    command = plain.stdout.replace("\\\n", " ").splitlines()[-1]
    assert command.split()[-2:] == ["-m", "inspire_bringup.demo"]


def test_an_instruction_is_never_read_by_the_shell(tmp_path):
    instruction = f'pick up `touch {tmp_path}/seen` "it\'s" $HOME; the milk'
    shown = subprocess.run(
        ["make", "-n", "demo", "INSTRUCTION=" + instruction.replace("$", "$$")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '--instruction "$INSTRUCTION"' in shown.stdout
    assert instruction not in shown.stdout
