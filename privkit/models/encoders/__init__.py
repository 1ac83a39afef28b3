"""Opening the user's own encoder of pictures: Python, TorchScript, ONNX or privkit's network."""

from privkit.models.encoders.open import open_encoder
from privkit.models.encoders.opened import Match, OpenedEncoder

__all__ = ["Match", "OpenedEncoder", "open_encoder"]
