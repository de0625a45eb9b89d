"""The networks that :mod:`benchmarks.detection` measures: the course's one-stage detector, chapter 08's, and YuNet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from benchmarks import _one_stage, cmu_mit
from benchmarks._one_stage import LONGEST, THRESHOLD, Sample, chosen_by
from dlsfaces import align, detect, geometry, weights
from dlsfaces.detect import TO_WIDER, Detections, Detector, OneStageNet, suppressed
from dlsfaces.detect.one_stage import MOST, STRIDES
from tests.from_notebook import definitions

IOU_THRESHOLD = 0.45
SURE = 0.3  # detections whose landmarks are measured

#: An image float32 (1, 3, H, W) in [0, 1], sides divisible by 32, to scores (A,), boxes (A, 4) and points (A, 5, 2).
Network = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class OnnxDetector:
    """A network that onnxruntime runs, one photo at a time, with the same steps around it for ours and YuNet."""

    network: Network

    def __call__(self, photos: Iterable[Tensor]) -> list[Detections]:
        return [self.found(photo) for photo in photos]

    def found(self, photo: Tensor) -> Detections:
        image = photo[None].float() / 255
        image = F.pad(image, (0, -image.shape[3] % 32, 0, -image.shape[2] % 32))
        scores, boxes, points = self.network(image)
        best = scores.topk(min(MOST, int((scores >= THRESHOLD).sum()))).indices  # as the course's detector does
        return suppressed(Detections(boxes[best], scores[best], points[best]), IOU_THRESHOLD)


def session(file: str | Path, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return onnxruntime.InferenceSession(str(file), options)


def ours(run: onnxruntime.InferenceSession) -> Network:
    def network(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return tuple(torch.from_numpy(part[0]) for part in run.run(None, {"images": image.numpy()}))

    return network


def yunet(run: onnxruntime.InferenceSession) -> Network:
    """Its answers are decoded as its authors do: score = sqrt(cls * obj), centres and points in strides from a cell."""
    names = [f"{part}_{stride}" for stride in STRIDES for part in ("cls", "obj", "bbox", "kps")]
    taken = run.get_inputs()[0].name

    def network(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pixels = np.ascontiguousarray(image[:, [2, 1, 0]].numpy() * 255)  # BGR
        parts = [torch.from_numpy(part).flatten(0, -2) for part in run.run(names, {taken: pixels})]
        classes, seen, boxes, points = (torch.cat(parts[k::4]) for k in range(4))
        boxes, points = detect.decode(torch.cat((boxes, points), dim=1), detect.cells_of(image.shape[2:]))
        return (classes[:, 0].clamp(0, 1) * seen[:, 0].clamp(0, 1)).sqrt(), boxes, points

    return network


def shipped(name: str) -> OneStageNet:
    path = weights.path_of(f"detector_{name}")
    return weights.load(path, lambda about: OneStageNet(int(about["width"])), "a one-stage detector")


def landmark_errors(detector: Detector, root: Path) -> dict[str, float]:
    """Mean distance by that of the eyes on CMU+MIT, of the detector and of the aligner after it."""
    aligner, first, second, faces = align.load_landmark_net("hourglass", "celeba"), [], [], 0
    for photo in cmu_mit.load(root):
        found = detector([photo.image])[0]
        known = [face.landmarks for face in photo.faces if face.landmarks is not None]
        found, faces = found[found.scores >= SURE], faces + len(known)
        if not len(found) or not known:
            continue
        true = torch.stack(known)
        overlap, best = geometry.iou(geometry.face_box(true), geometry.face_box(found.landmarks)).max(1)
        true, marks = true[overlap >= 0.3], found.landmarks[best[overlap >= 0.3]]
        images = photo.image.expand(len(marks), -1, -1, -1)
        refined = align.find_landmarks(aligner, images, geometry.face_box(marks)).points
        eyes = (true[:, 1] - true[:, 0]).norm(dim=1)
        first.append((marks - true).norm(dim=2).mean(1) / eyes)
        second.append((refined - true).norm(dim=2).mean(1) / eyes)
    before, after = torch.cat(first), torch.cat(second)
    row = {
        "nme_cmu_mit": before.mean(),
        "nme_cmu_mit/median": before.median(),
        "nme_cmu_mit/found": len(before) / faces,
    }
    row |= {"nme_cmu_mit/aligned": after.mean(), "nme_cmu_mit/aligned/median": after.median()}
    return {name: float(value) for name, value in row.items()}


def milliseconds(function: Callable[[Tensor], object], image: Tensor, times: int = 40) -> float:
    """The median of some runs."""
    taken = []
    with torch.no_grad():
        for _ in range(times + 5):
            started = time.perf_counter()
            function(image)
            taken.append(1000 * (time.perf_counter() - started))
    return float(np.median(taken[5:]))


def one_stage_of(state: dict) -> Detector:
    return detect.load_detector(state["name"], threshold=THRESHOLD, iou_threshold=IOU_THRESHOLD, longest=LONGEST)


def onnx_of(state: dict, threads: int = 1) -> Detector:
    with TemporaryDirectory() as folder:
        detect.export_onnx(shipped(state["name"]), Path(folder) / "detector.onnx")
        return OnnxDetector(ours(session(Path(folder) / "detector.onnx", threads)))


def yunet_of(state: dict, threads: int = 1) -> Detector:
    return OnnxDetector(yunet(session(state["file"], threads)))


# --- chapter 08's ---------------------------------------------------------------------------------------------------

CHAPTER = "08_cnn_detection"
DRAWN = 300  # of the drawn scenes, and of the portraits in photos of places, beside all of WIDER's small training part
LEARNED_FROM = f"WIDER's small training part (1,400 photos), {DRAWN} photos with CelebA-500's portraits, {DRAWN} drawn"
PATCHES, DDFD_STEPS = (80_000, 20_000), (5_000, 2_000)  # at first, and with hard windows
#: Of the cascade's networks: windows of a photo (no faces, parts, faces), steps, windows a step, learning rate.
STAGES = {
    "PNet": ((60, 20, 20), 9000, 300, 0.003),
    "RNet": ((50, 15, 15), 6000, 200, 0.003),
    "ONet": ((30, 12, 12), 5000, 64, 0.002),
}
PARTS = {"people": 600, "pictures": 12_000, "steps": 4_000, "hidden": 30_000, "photos": 200}  # of Faceness
LOW = (0.15, 0.03)  # thresholds of what the next network learns from
CASCADE = {"smallest": 12, "most": 1000}


def learning_photos(root: Path) -> list[Sample]:
    drawn, composed, real, *_ = _one_stage.samples("wider", root)
    return [*drawn[:DRAWN], *composed[:DRAWN], *real]


def learn_ddfd(root: Path) -> dict:
    net = learned_patch_net(learning_photos(root))[0]
    return {"state": net.state_dict(), "parameters": count(net)}


def learned_patch_net(photos: list[Sample]) -> tuple[torch.nn.Module, tuple[Tensor, Tensor]]:
    """DDFD's network after its round of hard windows, and the windows before them."""
    patches_of, patch_net, train, hard_patches, with_hard = definitions(
        CHAPTER, "patches_of", "patch_net", "train_patches", "hard_patches", "with_hard"
    )
    windows = patches_of(photos, PATCHES[0])
    net = train(patch_net(), *windows, DDFD_STEPS[0])
    hard = hard_patches(net, photos[:: max(1, len(photos) * 30 // PATCHES[1])])
    return train(net, *with_hard(*windows, hard), DDFD_STEPS[1], lr=0.003, seed=1), windows


def ddfd_of(state: dict) -> Detector:
    patch_net, detector_of = definitions(CHAPTER, "patch_net", "ddfd_detector")
    net = patch_net().eval()
    net.load_state_dict(state["state"])
    return detector_of(net, smallest=24, threshold=-3.0)


def learn_faceness(root: Path) -> dict:
    """Parts from drawn portraits; the classifier and the judges from photos, with faces half hidden, too."""
    portraits, pictures, part_net, train_parts, half_hidden, patches_of, train, numbered, judge = definitions(
        CHAPTER,
        *("drawn_portraits", "part_pictures", "part_net", "train_parts", "half_hidden", "patches_of", "train_patches"),
        *("numbered_windows", "learned_judge"),
    )
    back = TO_WIDER.inverse()  # the places of the parts are those in the course's box
    photos = [
        photo._replace(boxes=back(Detections(photo.boxes, torch.ones(len(photo.boxes)))).boxes)
        for photo in learning_photos(root)
    ]
    parts = train_parts(part_net(), *pictures(portraits(PARTS["people"]), photos, PARTS["pictures"]), PARTS["steps"])
    patches, windows = learned_patch_net(photos)
    hidden = [half_hidden(photo, seed=k, share=0.5) for k, photo in enumerate(photos)]
    taught = [torch.cat(pair) for pair in zip(windows, patches_of(hidden, PARTS["hidden"], seed=2))]
    patches = train(patches, *taught, DDFD_STEPS[1], lr=0.003, seed=2)
    numbers, is_face = numbered(hidden[:: max(1, len(hidden) // PARTS["photos"])], parts, patches)
    judges = [judge(numbers[:, :known], is_face) for known in (5, 6)]
    return {
        "parts": parts.state_dict(),
        "patches": patches.state_dict(),
        "judges": [(torch.from_numpy(one.coef_), torch.from_numpy(one.intercept_)) for one in judges],
        "parameters": count(parts) + count(patches),
    }


def faceness_of(state: dict) -> Detector:
    part_net, patch_net, detector_of = definitions(CHAPTER, "part_net", "patch_net", "faceness_detector")
    networks, judges = (part_net(), patch_net()), []
    for network, name in zip(networks, ("parts", "patches"), strict=True):
        network.eval().load_state_dict(state[name])
    for weight, bias in state["judges"]:
        judge = LogisticRegression()
        judge.coef_, judge.intercept_, judge.classes_ = weight.numpy(), bias.numpy(), np.array([False, True])
        judge.n_features_in_ = weight.shape[1]
        judges.append(judge)
    return detector_of(detect.fused(networks[0]), networks[1], *judges)


def learn_cascade(root: Path) -> dict:
    """Each network learns from what those before it let pass, with low thresholds."""
    first, make, train, through = definitions(CHAPTER, "first_squares", "make_samples", "train_stage", "let_through")
    photos, networks = learning_photos(root), []
    for seed, (name, (most, steps, batch, rate)) in enumerate(STAGES.items()):
        torch.manual_seed(seed)
        network = definitions(CHAPTER, name)()
        if networks:
            squares = through(cascade_from(networks, LOW[:seed]), photos)
        else:
            squares = first(photos, 2 * most[0], CASCADE["smallest"])
        windows = make(photos, squares, network.side, most, seed=seed)
        train(network, windows, steps, batch, rate, landmark_weight=1.0 if name == "ONet" else 0.5, seed=seed)
        networks.append(network.eval())
    return {"states": [network.state_dict() for network in networks], "parameters": sum(map(count, networks))}


def cascade_of(state: dict) -> Detector:
    networks = [definitions(CHAPTER, name)().eval() for name in STAGES]
    for network, weights_of in zip(networks, state["states"], strict=True):
        network.load_state_dict(weights_of)
    return cascade_from(networks, (0.3, 0.3, THRESHOLD))


def cascade_from(networks: list[torch.nn.Module], thresholds: tuple[float, ...]) -> Detector:
    return definitions(CHAPTER, "CascadeDetector")(tuple(networks), thresholds, **CASCADE)


def count(network: torch.nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


# --- all of them ----------------------------------------------------------------------------------------------------

SHIPPED = {"one_stage": "wider", "one_stage_drawn": "synthetic", "one_stage_onnx": "wider"}
LEARNED: dict[str, Callable[[Path], dict]] = {
    "ddfd": learn_ddfd,
    "faceness": learn_faceness,
    "cascade": learn_cascade,
    **{name: lambda root, which=which: {"name": which} for name, which in SHIPPED.items()},
    "peer_yunet": lambda root: {"file": str(root / "peers" / "yunet_n_dynamic.onnx")},
}
DETECTOR = {
    "ddfd": ddfd_of,
    "faceness": faceness_of,
    "cascade": cascade_of,
    "one_stage": one_stage_of,
    "one_stage_drawn": one_stage_of,
    "one_stage_onnx": onnx_of,
    "peer_yunet": yunet_of,
}
PARAMETERS = {"peer_yunet": 75_856, "peer_mtcnn": 495_850}  # those that are not the course's, as their authors count


def more_of(name: str, state: dict, detector: Detector, root: Path) -> dict[str, float]:
    """What is measured of networks that give landmarks in the same pass, and how many weights each has."""
    row = {"parameters": PARAMETERS[name]} if name in PARAMETERS else {}
    row |= {"parameters": state["parameters"]} if "parameters" in state else {}
    if name in SHIPPED:
        row["parameters"] = count(shipped(SHIPPED[name]))
    if name in (*SHIPPED, "peer_yunet"):
        row |= {**chosen_by(detector, root), **landmark_errors(detector, root)}
    return row


def speed_of(name: str, state: dict) -> dict[str, float]:
    """Milliseconds of the network alone for one photo of 640x480 on two cores: its layers, no suppression."""
    torch.set_num_threads(2)
    image, networks = torch.rand(1, 3, 480, 640), {"one_stage_onnx": onnx_of, "peer_yunet": yunet_of}
    if name in networks:
        return {"ms_640x480": milliseconds(networks[name](state, threads=2).network, image)}
    if name in ("one_stage", "one_stage_drawn"):
        return {"ms_640x480": milliseconds(one_stage_of(state).model, image)}
    return {}
