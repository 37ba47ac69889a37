"""A bundle: the folder that training hands to the robot. Loading checks everything before anything is run; writing is
atomic.

A bundle that fails a check is refused with what was expected, what was found and how to mend it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from inspire_policy.answers import AnswerVocabulary
from inspire_policy.codecs.base import ActionCodec
from inspire_policy.codecs.registry import make_codec
from inspire_policy.manifest import SCHEMA_VERSION, FileRecord, Manifest
from inspire_policy.schema import SchemaError, plain, read
from inspire_policy.sequences.base import SequenceStyle
from inspire_policy.sequences.registry import make_style

MANIFEST = "policy.json"
MEND = "restore the folder from git or export the bundle again"


class BundleError(Exception):
    """A bundle is missing, damaged or does not fit; the message says what was expected, what was found and how to mend
    it.
    """


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: its folder, manifest, tokenizer, sequence style and action codec."""

    path: Path
    manifest: Manifest
    tokenizer: Tokenizer
    style: SequenceStyle
    codec: ActionCodec

    def file(self, name: str) -> Path:
        """Path of one of its files."""
        return self.path / name

    @functools.cached_property
    def answers(self) -> AnswerVocabulary:
        """What it can answer in its question mode. Raises ValueError when the tokenizer cannot say that."""
        return AnswerVocabulary(self.style, self.manifest.words.vocabulary)

    def check_body(self, body: str) -> None:
        """Raises BundleError unless the bundle was trained for this world or robot."""
        if body not in self.manifest.bodies:
            raise BundleError(
                f"bundle {self.manifest.name}: expected a body among {', '.join(self.manifest.bodies)}, found "
                f"{body!r}; "
                "choose a bundle made for it, or COMMANDER=expert"
            )


def load_bundle(path: str | Path) -> Bundle:
    """The bundle in a folder, with schema, kinds, sizes and checksums verified. Raises BundleError."""
    folder = Path(path)
    if not folder.is_dir():
        raise BundleError(f"bundle: expected a folder, found none at {folder}; {MEND}")
    manifest = read_manifest(folder)
    _check_files(folder, manifest)
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises bare Exception
        raise BundleError(f"bundle {folder}: expected a tokenizer in tokenizer.json, found: {error}; {MEND}") from error
    try:
        arrays = _arrays(folder / "codec.npz")
        style = make_style(
            manifest.program.sequence_style,
            tokenizer,
            perception_tokens=manifest.perception.tokens,
            prefix_attention=manifest.decoder.prefix_attention,
            question_mode=manifest.question_mode,
            settings=manifest.program.style_settings,
        )
        codec = make_codec(manifest.program.action_codec, manifest.chunk_length, manifest.codec, arrays)
        for word, token in manifest.words.token_ids.items():
            if style.answer_id(word) != token:
                raise ValueError(
                    f"expected token id {token} for {word!r}, found {style.answer_id(word)} in tokenizer.json; {MEND}"
                )
    except ValueError as error:
        raise BundleError(f"bundle {folder}: {error}") from error
    bundle = Bundle(folder, manifest, tokenizer, style, codec)
    try:
        bundle.answers  # noqa: B018 - made now, so that a tokenizer that cannot say them is refused here
    except ValueError as error:
        raise BundleError(f"bundle {folder}: {error}; {MEND}") from error
    return bundle


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a bundle's folder; the other files are not looked at. Raises BundleError."""
    place = folder / MANIFEST
    try:
        data = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleError(f"bundle {folder}: expected {MANIFEST}, found none; {MEND}") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"bundle {folder}: expected JSON in {MANIFEST}, found: {error}; {MEND}") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"bundle {folder}: expected schema_version {SCHEMA_VERSION}, found {version!r}; update inspire_policy or "
            "export the bundle again"
        )
    try:
        return read(Manifest, data, MANIFEST)
    except SchemaError as error:
        raise BundleError(f"bundle {folder}: {error}") from error


def _check_files(folder: Path, manifest: Manifest) -> None:
    for name in manifest.required_files:
        if name not in manifest.files:
            raise BundleError(
                f"bundle {folder}: expected a checksum of {name} in {MANIFEST}, found none; export the bundle again"
            )
    for name, record in manifest.files.items():
        if Path(name).name != name:
            raise BundleError(f"bundle {folder}: expected plain file names, found {name!r}; {MEND}")
        place = folder / name
        if not place.is_file():
            raise BundleError(f"bundle {folder}: expected the file {name}, found none; {MEND}")
        size = place.stat().st_size
        if size != record.bytes:
            raise BundleError(
                f"bundle {folder}: expected {record.bytes} bytes in {name}, found {size} (truncated or changed); {MEND}"
            )
        digest = sha256(place)
        if digest != record.sha256:
            raise BundleError(
                f"bundle {folder}: expected sha256 {record.sha256[:12]}... of {name}, found {digest[:12]}... "
                f"(changed); {MEND}"
            )


def _arrays(place: Path) -> dict[str, np.ndarray]:
    if not place.is_file():
        return {}
    with np.load(place, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def sha256(place: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(place, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def write_bundle(path: str | Path, manifest: Manifest, files: Mapping[str, bytes | Path]) -> Manifest:
    """Write a bundle so that the folder at `path` is either the old one or the complete new one.

    Args:
        manifest: its `files` are replaced by the records of what is written.
        files: name -> content, or a file to copy.

    Returns:
        The manifest as written. Raises BundleError, with nothing left behind, when the disk is full or the place not
        writable.
    """
    target = Path(path)
    missing = [name for name in manifest.required_files if name not in files]
    if missing:
        raise BundleError(
            f"bundle {target}: expected the files {', '.join(manifest.required_files)}, missing {', '.join(missing)}"
        )
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        temporary.chmod(0o755)
        records = {}
        for name, content in sorted(files.items()):
            place = temporary / name
            if isinstance(content, bytes):
                place.write_bytes(content)
            else:
                shutil.copyfile(content, place)
            records[name] = FileRecord(sha256=sha256(place), bytes=place.stat().st_size)
        manifest = dataclasses.replace(manifest, files=records)
        (temporary / MANIFEST).write_text(json.dumps(plain(manifest), indent=1) + "\n", encoding="utf-8")
        _swap(temporary, target)
    except OSError as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise BundleError(f"bundle {target}: cannot write: {error}; free some space or choose another place") from error
    return manifest


def _swap(new: Path, target: Path) -> None:
    """Put a folder in the place of another; a folder cannot be replaced in one step, so the old one steps aside
    first.
    """
    if not target.exists():
        os.replace(new, target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    os.replace(target, aside / target.name)
    try:
        os.replace(new, target)
    except OSError:
        os.replace(aside / target.name, target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def bundle_folders() -> list[Path]:
    """Where bundles are looked for by name: $INSPIRE_BUNDLES, share/inspire_bringup/bundles of each install prefix, the
    source tree.
    """
    folders = [Path(place) for place in os.environ.get("INSPIRE_BUNDLES", "").split(os.pathsep) if place]
    prefixes = [Path(place) for place in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if place]
    folders += [prefix / "share" / "inspire_bringup" / "bundles" for prefix in prefixes]
    folders.append(Path(__file__).resolve().parents[2] / "inspire_bringup" / "bundles")
    folders.append(Path(sys.prefix) / "share" / "inspire_bringup" / "bundles")
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a bundle given by name ("tabletop") or path. Raises BundleError, listing the names there are."""
    text = str(name_or_path)
    if os.sep in text or text.startswith("."):
        if (Path(text) / MANIFEST).is_file():
            return Path(text).resolve()
        raise BundleError(
            f"bundle: expected a folder with {MANIFEST}, found none at {text}; give a bundle's name or folder"
        )
    names: list[str] = []
    for folder in bundle_folders():
        if text and (folder / text / MANIFEST).is_file():
            return folder / text
        names += [place.parent.name for place in sorted(folder.glob(f"*/{MANIFEST}"))]
    known = ", ".join(dict.fromkeys(names)) or "none installed"
    raise BundleError(
        f"bundle: expected a folder or a name among: {known}; found {text!r}; give one of these, or train and export "
        "one"
    )
