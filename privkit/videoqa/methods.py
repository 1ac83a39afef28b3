"""What a model is allowed to see and what it is trained for: FeatComp and the paper's baselines."""

from __future__ import annotations

from dataclasses import dataclass

from privkit.errors import InputError
from privkit.models.featcomp import check_bits

__all__ = ["BASELINES", "METHODS", "Method", "Variant", "bits_words"]


@dataclass(frozen=True)
class Method:
    """One way to answer questions from what is stored of a video (paper, section 4).

    Attributes:
        name: as on the command line.
        label: as in tables and figures.
        bottleneck: whether what is stored is a code of N bits.
        video: whether the model sees the video at all.
        question: whether it sees the question; the options of a multiple-choice question stay.
        trained: whether anything is trained.
        task_loss: whether the bottleneck learns from the task's loss.
        reconstruction_loss: whether the bottleneck learns to rebuild the feature.
    """

    name: str
    label: str
    bottleneck: bool = False
    video: bool = True
    question: bool = True
    trained: bool = True
    task_loss: bool = True
    reconstruction_loss: bool = False


_ALL = (
    Method("featcomp", "FeatComp", bottleneck=True),
    Method("floats", "Floats"),
    Method("question-only", "Q-only", video=False),
    Method("options-only", "Options-only", video=False, question=False),
    Method("random", "Random guess", video=False, question=False, trained=False),
    Method(
        "reconstruction-only",
        "R-only",
        bottleneck=True,
        task_loss=False,
        reconstruction_loss=True,
    ),
    Method("task+reconstruction", "FeatComp+R", bottleneck=True, reconstruction_loss=True),
)

METHODS: dict[str, Method] = {method.name: method for method in _ALL}

#: What ``--baseline`` takes.
BASELINES: tuple[str, ...] = tuple(name for name in METHODS if name != "featcomp")


@dataclass(frozen=True)
class Variant:
    """A method at a number of bits.

    Attributes:
        method: the method.
        bits: N, for a method with a bottleneck; ``None`` otherwise.
    """

    method: Method
    bits: int | None = None

    @classmethod
    def named(cls, name: str, bits: int | None) -> Variant:
        """The variant of a command line.

        Raises:
            InputError: an unknown name, bits that are missing or out of range, or bits for a
                method that has none.
        """
        if name not in METHODS:
            raise InputError(
                "no such baseline", where="--baseline", rule=", ".join(BASELINES), found=name
            )
        method = METHODS[name]
        if not method.bottleneck:
            if bits is not None:
                raise InputError(
                    f"{name} stores no code",
                    where="--bits",
                    rule="--bits goes with FeatComp and the reconstruction baselines",
                    found=bits,
                    remedy="leave --bits out",
                )
            return cls(method)
        if bits is None:
            raise InputError(
                "the number of bits is missing",
                where="--bits",
                rule=f"{method.label} stores a code of N bits",
                remedy="e.g. --bits 10, or --baseline floats",
            )
        return cls(method, check_bits(bits, where="--bits"))

    @property
    def label(self) -> str:
        """E.g. ``"FeatComp 10 bits"`` or ``"Floats"``."""
        if self.bits is None:
            return self.method.label
        return f"{self.method.label} {bits_words(self.bits)}"


def bits_words(bits: int) -> str:
    """E.g. ``"10 bits"``."""
    return f"{bits:,} bit{'s' if bits > 1 else ''}"
