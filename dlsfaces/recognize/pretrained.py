"""Face networks on disk, and those that come with the course."""

from collections.abc import Mapping
from pathlib import Path

from accelerate.utils import extract_model_from_parallel

from dlsfaces import weights
from dlsfaces.recognize.backbones import FaceResNet
from dlsfaces.recognize.inception import InceptionResnetV1

TRAINED_ON = ("synthetic", "celeba")
FaceNet = FaceResNet | InceptionResnetV1


def save_face_net(model: FaceNet, path: str | Path, about: Mapping[str, object] | None = None) -> None:
    """Write a face network with its settings, and what ``about`` says; see :func:`dlsfaces.weights.write`."""
    model = extract_model_from_parallel(model, keep_torch_compile=False)
    if not isinstance(model, FaceNet):
        raise ValueError(f"{type(model).__name__} is no FaceResNet or InceptionResnetV1, and could not be loaded again")
    weights.write(Path(path), model, {"kind": type(model).__name__, **model.settings}, about, load_face_net)


def load_face_net(kind: str | Path = "resnet", trained_on: str = "synthetic") -> FaceNet:
    """A trained network, in evaluation mode, on the CPU: the course's ``"resnet"``, or a :func:`save_face_net` file.

    The course's is trained on ``"synthetic"`` people alone (MIT), or went on from there to CelebA-500's people
    (``"celeba"``, research only). Both take tight crops (:mod:`dlsfaces.geometry`) of ``settings["image_size"]``.
    """
    if trained_on not in TRAINED_ON:
        raise ValueError(f"trained_on={trained_on!r} is none of {', '.join(TRAINED_ON)}")
    path = weights.path_of(f"faces_{trained_on}") if kind == "resnet" else Path(kind)
    return weights.load(path, _built, "a face network")


def _built(about: dict) -> FaceNet:
    size = tuple(map(int, about["image_size"]))
    if about.get("kind") == "InceptionResnetV1":
        return InceptionResnetV1(int(about["embedding_dim"]), image_size=size)
    return FaceResNet(about["size"], int(about["embedding_dim"]), size, stem_stride=int(about["stem_stride"]))
