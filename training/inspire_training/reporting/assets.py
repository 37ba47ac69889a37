"""Pictures and films as data URLs, within a limit on the size of the whole file; what does not fit is told by name."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

FILM_TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}
QUALITY = 88  # of photographs as JPEG
_WEBM, _MP4 = b"\x1a\x45\xdf\xa3", b"ftyp"


class AssetError(ValueError):
    """A file that was named is not what it should be."""


class Assets:
    """Embeds files while there is room.

    Attributes:
        used: characters taken so far. left_out: name and reason of what was not embedded.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0
        self.left_out: list[tuple[str, str]] = []

    def plot(self, path: Path) -> str | None:
        """A drawing as it is, a PNG; None where there is no room. Raises AssetError."""
        data = _read(path)
        _checked_image(path, data)
        return self._embedded(path.name, "image/png", data)

    def photograph(self, path: Path, name: str = "") -> str | None:
        """A picture of cameras as JPEG, a third of its size; None where there is no room. Raises AssetError."""
        image = _checked_image(path, _read(path))
        packed = io.BytesIO()
        image.convert("RGB").save(packed, format="jpeg", quality=QUALITY, subsampling=0)
        return self._embedded(name or path.name, "image/jpeg", packed.getvalue())

    def film(self, path: Path, name: str) -> str | None:
        """A film; None where there is no room, or no film at that place."""
        try:
            data = path.read_bytes()
        except OSError as error:
            self.left_out.append((name, "no file" if isinstance(error, FileNotFoundError) else str(error.strerror)))
            return None
        if not (data[4:8] == _MP4 or data[:4] == _WEBM):
            self.left_out.append((name, f"{len(data)} bytes that are no film"))
            return None
        return self._embedded(name, FILM_TYPES.get(path.suffix, "video/mp4"), data)

    def _embedded(self, name: str, kind: str, data: bytes) -> str | None:
        size = 4 * -(-len(data) // 3) + len(kind) + 32
        if self.used + size > self.limit:
            self.left_out.append((name, f"{size / 1e6:.1f} MB, which the limit leaves no room for"))
            return None
        self.used += size
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AssetError(f"picture: expected a file at {path}, found {error.strerror}") from error


def _checked_image(path: Path, data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except (UnidentifiedImageError, OSError) as error:
        raise AssetError(f"picture: expected an image at {path}, found {error}; write it again") from error
    return image
