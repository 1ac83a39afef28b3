"""The settings of a model that trains in a second, as the tests of commands share them."""

__all__ = ["MODEL", "as_options"]

MODEL = [
    "model.backbone.hidden=16",
    "model.layers=1",
    "model.heads=2",
    "model.intermediate=16",
    "video.frames=2",
]


def as_options(settings: list[str]) -> list[str]:
    """``--set`` before each setting."""
    return [part for setting in settings for part in ("--set", setting)]
