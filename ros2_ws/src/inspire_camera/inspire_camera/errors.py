"""What a camera refuses, as one sentence: expected X, found Y, how to mend it."""


class CameraError(ValueError):
    """A camera, file or setting cannot be used."""
