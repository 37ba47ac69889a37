"""A Dockerfile as data: its stages, and the folder that its COPY instructions would make of a checkout."""

import fnmatch
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One stage: its name, what it starts from, and its instructions as (name, rest of the line)."""

    name: str
    parent: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def commands(self, program: str) -> list[list[str]]:
        """The words that follow `program` in each RUN and CMD that calls it."""
        found = []
        for name, rest in self.instructions:
            for part in re.split(r"&&|;|\|\|", rest) if name == "RUN" else [rest] if name == "CMD" else []:
                words = [word.strip(",[]") for word in shlex.split(part.strip("[]") if name == "CMD" else part)]
                while words and (words[0].startswith("--") or "=" in words[0]):  # options of RUN, variables in front
                    del words[0]
                if words[:1] == [program]:
                    found.append([word for word in words[1:] if not word.startswith("-")])
        return found

    def copies(self) -> list[tuple[list[str], str]]:
        """Sources and destination of each COPY."""
        words = [shlex.split(rest) for name, rest in self.instructions if name == "COPY"]
        plain = [[word for word in line if not word.startswith("--")] for line in words]
        return [(line[:-1], line[-1]) for line in plain]


def stages(text: str) -> dict[str, Stage]:
    """The stages of a Dockerfile in order."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, Stage] = {}
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            parent, _, stage = rest.partition(" AS ")
            found[stage] = Stage(stage, parent)
        elif name and found:
            next(reversed(found.values())).instructions.append((name, rest.strip()))
    return found


def lineage(found: dict[str, Stage], name: str) -> list[Stage]:
    """A stage after all that it is built upon."""
    stage = found[name]
    return [*(lineage(found, stage.parent) if stage.parent in found else []), stage]


def copied(found: dict[str, Stage], name: str, checkout: list[Path], root: Path, target: Path) -> None:
    """Copy into `target` what the image of a stage would hold of a checkout's files. Raises FileNotFoundError."""
    for stage in lineage(found, name):
        for sources, destination in stage.copies():
            for source in sources:
                wanted = [path for path in checkout if source == "." or path.is_relative_to(root / source)]
                if not wanted:
                    raise FileNotFoundError(f"COPY {source}")
                for path in wanted:
                    base = root if source == "." or (root / source).is_file() else root / source
                    place = target / destination / path.relative_to(base)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, place)


def ignored(patterns: list[str], path: str) -> bool:
    """Whether a .dockerignore leaves out a path, or a folder that holds it."""
    parts = path.split("/")
    places = ["/".join(parts[: index + 1]) for index in range(len(parts))]
    for pattern in patterns:
        deep = pattern.removeprefix("**/")
        for place in places:
            name = place.rpartition("/")[2] if pattern.startswith("**/") else place
            if fnmatch.fnmatchcase(name, deep) and name.count("/") == deep.count("/"):
                return True
    return False
